//! Batches that go out: as structs that a host releases, and as streams that it pulls.

use super::abi::{ArrowArray, ArrowArrayStream, ArrowSchema};
use crate::error::{Error, Kind, Result};
use arrow_array::{Array, RecordBatch, StructArray};
use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{Schema, SchemaRef};
use std::ffi::{CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Batches that somebody pulls, on a thread that may wait.
pub trait Pull: Send {
    /// The schema of all of them. It may have to be waited for.
    fn schema(&mut self) -> Result<SchemaRef>;

    /// The batch that follows; none at the end.
    fn next(&mut self) -> Result<Option<RecordBatch>>;
}

/// Writes a schema out.
///
/// # Safety
///
/// `out` is at a place for a struct; what is there is overwritten.
pub unsafe fn export_schema(schema: &Schema, out: *mut ArrowSchema) -> Result<()> {
    // A name is optional, and some consumers read it all the same.
    let exported = FFI_ArrowSchema::try_from(schema).and_then(|schema| schema.with_name(""));
    let exported = exported.map_err(|error| {
        Error::new(Kind::Unsupported, format!("the schema cannot be given through the C Data Interface: {error}"))
    })?;
    // SAFETY: the caller's; both are the struct of the interface.
    unsafe { out.cast::<FFI_ArrowSchema>().write_unaligned(exported) };
    Ok(())
}

/// Writes a batch out, as a struct of its columns. It refers to the memory of the batch.
///
/// # Safety
///
/// As [`export_schema`].
pub unsafe fn export_batch(batch: &RecordBatch, out: *mut ArrowArray) {
    let array = FFI_ArrowArray::new(&StructArray::from(batch.clone()).into_data());
    // SAFETY: as in `export_schema`.
    unsafe { out.cast::<FFI_ArrowArray>().write_unaligned(array) };
}

/// Writes a stream out, which pulls batches on the threads that pull it.
///
/// # Safety
///
/// As [`export_schema`].
pub unsafe fn export_stream(pull: Box<dyn Pull>, out: *mut ArrowArrayStream) {
    let stream = Box::new(Exported { pull, error: None, is_over: false });
    let exported = ArrowArrayStream {
        get_schema: Some(get_schema),
        get_next: Some(get_next),
        get_last_error: Some(get_last_error),
        release: Some(release),
        private_data: Box::into_raw(stream).cast(),
    };
    // SAFETY: the caller's.
    unsafe { out.write_unaligned(exported) };
}

/// What is behind a stream of ours.
struct Exported {
    pull: Box<dyn Pull>,
    /// What the last call failed with.
    error: Option<CString>,
    /// The end has come, or an error.
    is_over: bool,
}

/// The interface's codes are those of errno.
const EIO: c_int = 5;
const EINVAL: c_int = 22;

impl Exported {
    fn answer(&mut self, outcome: Result<()>) -> c_int {
        let Err(error) = outcome else {
            self.error = None;
            return 0;
        };
        let text = error.to_string().replace('\0', "\u{fffd}");
        self.error = CString::new(text).ok();
        if error.kind == Kind::Argument || error.kind == Kind::Unsupported { EINVAL } else { EIO }
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.is_over {
            return Ok(None);
        }
        let next = contained(|| self.pull.next());
        self.is_over = !matches!(next, Ok(Some(_)));
        next
    }
}

/// No panic crosses into the host.
fn contained<T>(act: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|payload| Err(Error::panic(&*payload)))
}

/// # Safety
///
/// `stream` is NULL or a stream of ours, which nobody else uses at the time.
unsafe fn exported<'a>(stream: *mut ArrowArrayStream) -> Option<&'a mut Exported> {
    if stream.is_null() {
        return None;
    }
    // SAFETY: the caller's.
    let stream = unsafe { stream.read_unaligned() };
    stream.release?;
    // SAFETY: made by `export_stream`, and not released.
    unsafe { stream.private_data.cast::<Exported>().as_mut() }
}

unsafe extern "C" fn get_schema(stream: *mut ArrowArrayStream, out: *mut ArrowSchema) -> c_int {
    // SAFETY: the interface's contract.
    let Some(exported) = (unsafe { exported(stream) }) else { return EINVAL };
    if out.is_null() {
        return exported.answer(Err(Error::argument("there is no place for the schema")));
    }
    // SAFETY: the interface's contract.
    let outcome = contained(|| unsafe { export_schema(&*exported.pull.schema()?, out) });
    exported.answer(outcome)
}

unsafe extern "C" fn get_next(stream: *mut ArrowArrayStream, out: *mut ArrowArray) -> c_int {
    // SAFETY: the interface's contract.
    let Some(exported) = (unsafe { exported(stream) }) else { return EINVAL };
    if out.is_null() {
        return exported.answer(Err(Error::argument("there is no place for the array")));
    }
    let outcome = exported.next().and_then(|batch| {
        contained(|| {
            match batch {
                // SAFETY: the interface's contract.
                Some(batch) => unsafe { export_batch(&batch, out) },
                // SAFETY: as above: a released array is the end.
                None => unsafe { out.write_unaligned(ArrowArray::EMPTY) },
            }
            Ok(())
        })
    });
    exported.answer(outcome)
}

unsafe extern "C" fn get_last_error(stream: *mut ArrowArrayStream) -> *const c_char {
    // SAFETY: the interface's contract.
    let error = unsafe { exported(stream) }.and_then(|exported| exported.error.as_ref());
    error.map_or(std::ptr::null(), |error| error.as_ptr())
}

unsafe extern "C" fn release(stream: *mut ArrowArrayStream) {
    // SAFETY: the interface's contract.
    let Some(exported) = (unsafe { exported(stream) }) else { return };
    // SAFETY: made by `export_stream`, and released once.
    let exported = unsafe { Box::from_raw(exported) };
    // SAFETY: not NULL, or there would be nothing exported.
    unsafe { (&raw mut (*stream).release).write_unaligned(None) };
    // A panic of a reader that is dropped is nobody's any more.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(exported)));
}
