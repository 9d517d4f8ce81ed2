//! A stream of a host: arrays that are made as they are pulled.

use super::abi::{ArrowArray, ArrowArrayStream, ArrowSchema};
use super::export::Pull;
use super::import::read_batch;
use super::owner::Owner;
use super::schema;
use crate::error::{Error, Kind, Result};
use crate::live;
use crate::memory::{Hold, Loan};
use crate::service::Shared;
use crate::sync::lock;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::mpsc;

/// Bytes of an error's text that are looked at.
const MAX_ERROR: usize = 4096;
/// Batches that wait while another one is pulled.
const AHEAD: usize = 1;

/// A stream of a host. Its callbacks run on any thread, one at a time.
pub(in crate::tabular) struct Source {
    service: Arc<Shared>,
    schema: SchemaRef,
    is_trusted: bool,
    /// The struct, once it was moved here. It stays in its place.
    stream: OnceLock<Box<Mutex<ArrowArrayStream>>>,
    /// Who pulls it, if somebody does.
    is_used: Mutex<bool>,
}

impl Source {
    /// Asks a stream for its schema.
    ///
    /// # Safety
    ///
    /// `stream` is NULL or at a struct whose callbacks do what the interface says, on any thread.
    pub(super) unsafe fn of(service: &Arc<Shared>, stream: *mut ArrowArrayStream, is_trusted: bool) -> Result<Source> {
        if stream.is_null() {
            return Err(Error::argument("`stream` is NULL"));
        }
        // SAFETY: not NULL, so a struct, as the caller says.
        let callbacks = unsafe { stream.read_unaligned() };
        if callbacks.release.is_none() {
            return Err(Error::argument("`stream` has been released: its `release` is NULL"));
        }
        let (Some(get_schema), Some(_), Some(_)) = (callbacks.get_schema, callbacks.get_next, callbacks.get_last_error)
        else {
            return Err(Error::argument("`stream`: `get_schema`, `get_next` or `get_last_error` is NULL"));
        };
        let mut found = ArrowSchema::EMPTY;
        // SAFETY: the caller's.
        let code = unsafe { get_schema(stream, &raw mut found) };
        if code != 0 {
            // SAFETY: the caller's.
            return Err(unsafe { failure(stream, "get_schema", code) });
        }
        // SAFETY: the stream has filled it.
        let schema = unsafe { schema::read(&raw const found, "stream") };
        // SAFETY: it was given to us, and has been read.
        unsafe { found.release() };
        Ok(Source {
            service: service.clone(),
            schema: schema?,
            is_trusted,
            stream: OnceLock::new(),
            is_used: Mutex::new(false),
        })
    }

    /// Owns the struct from now on.
    pub(super) fn take(&self, stream: ArrowArrayStream) {
        if self.stream.set(Box::new(Mutex::new(stream))).is_ok() {
            live::LEASES.add(1);
        }
    }

    /// The schema of all that it gives.
    pub(in crate::tabular) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Takes it for the one use that it has.
    pub(in crate::tabular) fn begin(source: &Arc<Source>) -> Result<Reading> {
        source.service.check_process()?;
        if std::mem::replace(&mut *lock(&source.is_used), true) {
            return Err(Error::argument("the table is of a stream, which has been used; import another one"));
        }
        Ok(Reading { source: source.clone(), read: 0, has_begun: false, is_over: false })
    }

    /// The array that follows; none at the end.
    fn pull(&self, index: u64) -> Result<Option<RecordBatch>> {
        let owner = Owner::new(&self.service.returns, true, None);
        let Some(stream) = self.stream.get() else { return Ok(None) };
        let mut array = ArrowArray::EMPTY;
        {
            let mut stream = lock(stream);
            let stream = &raw mut *stream;
            // SAFETY: it was moved here, and stays here; the lock makes this the only call.
            let get_next = unsafe { (*stream).get_next };
            let Some(get_next) = get_next else { return Err(Error::argument("`get_next` of the stream is NULL")) };
            // SAFETY: as above.
            let code = unsafe { get_next(stream, &raw mut array) };
            if code != 0 {
                // SAFETY: as above.
                return Err(unsafe { failure(stream, "get_next", code) });
            }
        }
        if array.release.is_none() {
            return Ok(None);
        }
        // Whatever is wrong with it, it is to be released.
        owner.take(array);
        let name = format!("batch {index} of the stream");
        // SAFETY: the stream has filled it, and the owner has it.
        let (batch, _) = unsafe { read_batch(&self.schema, &raw const array, &owner, self.is_trusted, &name) }?;
        Ok(Some(batch))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let Some(stream) = self.stream.get() else { return };
        live::LEASES.add(-1);
        let stream = &raw mut *lock(stream);
        // SAFETY: it was moved here, and nobody pulls it any more.
        if let Some(release) = unsafe { (*stream).release } {
            // SAFETY: as above.
            unsafe { release(stream) };
        }
    }
}

/// What a callback failed with, in the words of the stream.
///
/// # Safety
///
/// The stream's callbacks do what the interface says, and none of them is running.
unsafe fn failure(stream: *mut ArrowArrayStream, callback: &str, code: i32) -> Error {
    // SAFETY: the caller's.
    let get_last_error = unsafe { (&raw const (*stream).get_last_error).read_unaligned() };
    // SAFETY: the caller's.
    let text = get_last_error.map_or(std::ptr::null(), |get_last_error| unsafe { get_last_error(stream) });
    let mut bytes = Vec::new();
    while !text.is_null() && bytes.len() < MAX_ERROR {
        // SAFETY: the interface: the text ends with a NUL byte, which has not come yet.
        match unsafe { text.cast::<u8>().add(bytes.len()).read() } {
            0 => break,
            byte => bytes.push(byte),
        }
    }
    let text = if bytes.is_empty() { "it says no more".into() } else { String::from_utf8_lossy(&bytes) };
    Error::new(Kind::Io, format!("`{callback}` of the stream failed with {code}: {text}"))
}

/// The one use of a stream. Dropped before it has begun, it leaves the stream to another one.
pub(in crate::tabular) struct Reading {
    source: Arc<Source>,
    read: u64,
    has_begun: bool,
    is_over: bool,
}

impl Pull for Reading {
    fn schema(&mut self) -> Result<SchemaRef> {
        Ok(self.source.schema.clone())
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.is_over {
            return Ok(None);
        }
        self.has_begun = true;
        let next = self.source.pull(self.read);
        self.read += 1;
        self.is_over = !matches!(next, Ok(Some(_)));
        next
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if !self.has_begun {
            *lock(&self.source.is_used) = false;
        }
    }
}

/// The batches of a stream for a request: pulled on a thread of their own, which is made when the first is wanted. The
/// request completes when that thread has let go of the stream, which is after the callback that is running.
pub(in crate::tabular) struct StreamBatches(State);

enum State {
    Ready(Reading, Loan),
    Running(mpsc::Receiver<Result<Option<RecordBatch>>>),
    Over,
}

impl StreamBatches {
    /// `loan` is the request's.
    pub(in crate::tabular) fn new(reading: Reading, loan: &Loan) -> StreamBatches {
        StreamBatches(State::Ready(reading, loan.clone()))
    }

    /// The batch that follows; none at the end, and behind an error.
    pub(in crate::tabular) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let State::Ready(..) = self.0
            && let State::Ready(reading, loan) = std::mem::replace(&mut self.0, State::Over)
        {
            self.0 = State::Running(start(reading, &loan)?);
        }
        let State::Running(batches) = &mut self.0 else { return Ok(None) };
        let next = batches.recv().await.unwrap_or_else(|| Err(Error::panic(&"the thread of a stream has ended")));
        if !matches!(next, Ok(Some(_))) {
            self.0 = State::Over;
        }
        next
    }
}

fn start(reading: Reading, loan: &Loan) -> Result<mpsc::Receiver<Result<Option<RecordBatch>>>> {
    let hold = loan.hold()?;
    let service = reading.source.service.clone();
    let (give, batches) = mpsc::channel(AHEAD);
    service.spawn_puller("blobferry-pull".to_string(), move || run(reading, &give, hold))?;
    Ok(batches)
}

/// Pulls until the end, an error, or until nobody wants more.
fn run(mut reading: Reading, give: &mpsc::Sender<Result<Option<RecordBatch>>>, hold: Hold) {
    loop {
        let next =
            catch_unwind(AssertUnwindSafe(|| reading.next())).unwrap_or_else(|payload| Err(Error::panic(&*payload)));
        let is_last = !matches!(next, Ok(Some(_)));
        if give.blocking_send(next).is_err() || is_last {
            break;
        }
    }
    drop(reading);
    drop(hold);
}
