//! What a call takes from a host. Everything is checked first; what is wrong leaves all structs as they were.

use super::abi::{ArrowArray, ArrowArrayStream, ArrowSchema};
use super::array::Reader;
use super::owner::{Moves, Owner};
use super::stream::Source;
use super::{Place, schema};
use crate::error::{Error, Kind, Result};
use crate::memory::Loan;
use crate::service::Shared;
use crate::tabular::Table;
use arrow_array::{RecordBatch, RecordBatchOptions, StructArray};
use arrow_schema::{DataType, SchemaRef};
use std::sync::Arc;

/// How structs are taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// The values are believed. The structs never are.
    pub is_trusted: bool,
    /// What they are released with, or pulled by, may be called on any thread.
    pub is_any_thread: bool,
}

/// Looks at chunks of one schema. Both are taken when the moves are committed; the memory goes back once the table and
/// all that was made of it have gone.
///
/// # Safety
///
/// `schema` and `arrays` are NULL or at structs, `count` of them one behind the other, whose pointers are NULL or point
/// to what the interface says, until they are released. If the values are believed, they are what their types say.
pub unsafe fn import_table(
    service: &Arc<Shared>,
    schema: *mut ArrowSchema,
    arrays: *mut ArrowArray,
    count: usize,
    options: ImportOptions,
) -> Result<(Table, Moves)> {
    // SAFETY: the caller's.
    let (found, mut moves) = unsafe { import_schema(schema, "schema") }?;
    if count > 0 && arrays.is_null() {
        return Err(Error::argument("`arrays` is NULL"));
    }
    let (mut batches, mut copied) = (Vec::new(), 0);
    for index in 0..count {
        let name = if count == 1 { "array".to_string() } else { format!("arrays[{index}]") };
        let owner = Owner::new(&service.returns, options.is_any_thread, None);
        // Not `add`: nobody has said yet that there are as many.
        let array = arrays.wrapping_add(index);
        // SAFETY: the caller's.
        let (batch, of_batch) = unsafe { read_batch(&found, array, &owner, options.is_trusted, &name) }?;
        moves.array(array, owner);
        batches.push(batch);
        copied += of_batch;
    }
    Ok((Table::imported(service, found, batches, copied), moves))
}

/// Looks at a chunk that one request uses. That request completes once nothing refers to the chunk's memory any more;
/// if it is not to be released on any thread, that is done by whoever takes the completion, before he has it. `loan` is
/// the request's. The moves are committed between the acceptance of the request and its beginning:
/// [`crate::queue::Queue::submit_taking`].
///
/// # Safety
///
/// As [`import_table`].
pub unsafe fn import_chunk(
    service: &Arc<Shared>,
    schema: &SchemaRef,
    array: *mut ArrowArray,
    options: ImportOptions,
    loan: &Loan,
) -> Result<(RecordBatch, Moves)> {
    let owner = Owner::new(&service.returns, options.is_any_thread, Some(loan.hold()?));
    // SAFETY: the caller's.
    let (batch, _) = unsafe { read_batch(schema, array, &owner, options.is_trusted, "array") }?;
    let mut moves = Moves::none();
    moves.array(array, owner);
    Ok((batch, moves))
}

/// Looks at a schema, of a table: its fields are those of the root. `name` is what the caller calls it.
///
/// # Safety
///
/// As [`import_table`].
pub unsafe fn import_schema(schema: *mut ArrowSchema, name: &str) -> Result<(SchemaRef, Moves)> {
    // SAFETY: the caller's.
    let found = unsafe { schema::read(schema, name) }?;
    let mut moves = Moves::none();
    moves.schema(schema);
    Ok((found, moves))
}

/// Looks at one batch with a schema of its own. The names are what the caller calls them. It goes back as that of a
/// table.
///
/// # Safety
///
/// As [`import_table`].
pub unsafe fn import_record(
    service: &Arc<Shared>,
    schema: *mut ArrowSchema,
    array: *mut ArrowArray,
    names: [&str; 2],
) -> Result<(RecordBatch, Moves)> {
    // SAFETY: the caller's.
    let (found, mut moves) = unsafe { import_schema(schema, names[0]) }?;
    let owner = Owner::new(&service.returns, false, None);
    // SAFETY: the caller's.
    let (batch, _) = unsafe { read_batch(&found, array, &owner, false, names[1]) }?;
    moves.array(array, owner);
    Ok((batch, moves))
}

/// Looks at a stream, and asks it for its schema. It is pulled by whoever uses the table, at most once.
///
/// # Safety
///
/// As [`import_table`], for what the stream gives.
pub unsafe fn import_stream(
    service: &Arc<Shared>,
    stream: *mut ArrowArrayStream,
    options: ImportOptions,
) -> Result<(Table, Moves)> {
    if !options.is_any_thread {
        let message = "a stream is pulled on a thread of the library: its callbacks must be allowed on any thread \
                       (BLOBFERRY_IMPORT_ANY_THREAD); where not, give the chunks to blobferry_table_writer_write";
        return Err(Error::new(Kind::Unsupported, message));
    }
    // SAFETY: the caller's.
    let source = Arc::new(unsafe { Source::of(service, stream, options.is_trusted) }?);
    let mut moves = Moves::none();
    moves.stream(stream, source.clone());
    Ok((Table::streamed(service, source), moves))
}

/// Reads one array of a schema as a batch, and counts the buffers that were copied.
///
/// # Safety
///
/// As [`import_table`]; what is read lives as long as the owner.
pub(super) unsafe fn read_batch(
    schema: &SchemaRef,
    array: *const ArrowArray,
    owner: &Arc<Owner>,
    is_trusted: bool,
    name: &str,
) -> Result<(RecordBatch, u64)> {
    let place = Place::root(name);
    let mut reader = Reader { owner, is_trusted, copied: 0 };
    // SAFETY: the caller's.
    let root = unsafe { reader.read(array, &DataType::Struct(schema.fields().clone()), &place) }?;
    if root.null_count() > 0 {
        return Err(place.wrong(format_args!("{} rows are null as a whole; values can be null", root.null_count())));
    }
    let rows = RecordBatchOptions::new().with_row_count(Some(root.len()));
    let (_, columns, _) = StructArray::from(root).into_parts();
    let batch = RecordBatch::try_new_with_options(schema.clone(), columns, &rows);
    Ok((batch.map_err(|error| place.wrong(error))?, reader.copied))
}
