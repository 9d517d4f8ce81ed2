//! A table reader for whoever waits: the batches come to the thread that asks for them.

use super::c_data::Pull;
use super::reader::Turn;
use crate::error::{Error, Result, shown};
use crate::sync::lock;
use crate::threads;
use crate::trace::Trace;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A reader whose batches are waited for by the thread that wants them.
pub struct Pulled(pub(super) Turn);

impl Pull for Pulled {
    /// Looks at the first blob, if that was not done.
    fn schema(&mut self) -> Result<SchemaRef> {
        self.wait(async |turn, told| turn.open(told).await)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.wait(async |turn, told| turn.next(told).await)
    }
}

impl Pulled {
    fn wait<T>(&mut self, ask: impl AsyncFnOnce(&mut Turn, &Trace) -> Result<T>) -> Result<T> {
        self.0.store().service.check_process()?;
        if threads::is_io() {
            let message = "a thread that moves the library's bytes was asked to wait for them; pull on another one";
            return Err(Error::argument(message));
        }
        let trace = Trace::new();
        let key = self.0.key().clone();
        block(ask(&mut self.0, &trace)).map_err(|error| error.asked(format!("read `{}`", shown(&key))))
    }
}

/// A thread that waits.
#[derive(Default)]
struct Sleeper {
    is_woken: Mutex<bool>,
    woken: Condvar,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        *lock(&self.is_woken) = true;
        self.woken.notify_one();
    }
}

/// Waits on this thread for what other threads do.
fn block<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let sleeper = Arc::new(Sleeper::default());
    let waker = Waker::from(sleeper.clone());
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut context) {
            return outcome;
        }
        let mut is_woken = lock(&sleeper.is_woken);
        while !*is_woken {
            is_woken = sleeper.woken.wait(is_woken).unwrap_or_else(PoisonError::into_inner);
        }
        *is_woken = false;
    }
}
