//! A URL that lets whoever has it do one thing to one object.

use crate::error::Result;
use crate::memory::Memory;
use crate::outcome::Done;
use crate::request::Work;
use crate::stores::{Reach, Store, can};
use crate::trace::Trace;
use http::Method;
use std::sync::Arc;
use std::time::Duration;

/// What a signed URL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedMethod {
    /// To get the object.
    Get,
    /// To put it.
    Put,
    /// To learn about it.
    Head,
    /// To delete it.
    Delete,
}

/// Signs. What the store cannot do is refused here.
pub fn sign(store: &Store, key: Arc<str>, method: SignedMethod, expires: Duration) -> Result<Work> {
    const WHAT: &str = "a signed URL (it needs s3, az or gs, with credentials that can sign)";
    store.needs(can::SIGN, WHAT)?;
    let method = match method {
        SignedMethod::Get => Method::GET,
        SignedMethod::Put => Method::PUT,
        SignedMethod::Head => Method::HEAD,
        SignedMethod::Delete => Method::DELETE,
    };
    let trace = Trace::new();
    let Reach::Far(remote) = store.reach.clone() else { return Err(store.lacks(WHAT)) };
    Ok(Work::traced(trace.clone(), async move {
        let url = remote.sign(&key, &method, expires, &trace).await?;
        let buffer = Some(Memory::copy_of(url.as_bytes())?);
        Ok(Done { result: url.len() as u64, buffer, ..Done::default() })
    }))
}
