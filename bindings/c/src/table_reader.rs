//! table_reader.h: the rows of objects, one batch after the other.

use crate::arrow::{ArrowArray, ArrowArrayStream, ArrowSchema};
use crate::base::{Pairs, blobferry_pair_t, blobferry_status_t};
use crate::boundary;
use crate::cast::{self, Struct, or};
use crate::compression::{BLOBFERRY_COMPRESSION_AUTO, compression};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::format::{self, BLOBFERRY_FORMAT_AUTO, blobferry_csv_options_t};
use crate::reader::blobferry_read_options_t;
use crate::store::blobferry_store_t;
use crate::submit::{self, Sink, Submission};
use crate::table::{blobferry_table_t, new_table, place};
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::request::Work;
use blobferry_core::stores::Store;
use blobferry_core::tabular::TableReader;
use blobferry_core::tabular::c_data::{self, Moves};
use blobferry_core::tabular::format::{DecodeOptions, Operator, Predicate, Term};
use std::ffi::c_char;
use std::mem::size_of;
use std::ptr::{null, null_mut};
use std::sync::{Arc, OnceLock};

const BLOBFERRY_OP_EQ: u32 = 0;
const BLOBFERRY_OP_NE: u32 = 1;
const BLOBFERRY_OP_LT: u32 = 2;
const BLOBFERRY_OP_LE: u32 = 3;
const BLOBFERRY_OP_GT: u32 = 4;
const BLOBFERRY_OP_GE: u32 = 5;
const BLOBFERRY_OP_IS_NULL: u32 = 6;
const BLOBFERRY_OP_IS_NOT_NULL: u32 = 7;

const BLOBFERRY_TABLE_TRUSTED: u32 = 1;

pub struct blobferry_table_reader_t {
    pub(crate) reader: TableReader,
    /// Made when somebody asks for them.
    pairs: OnceLock<Pairs>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_term_t {
    pub column: *const c_char,
    pub op: u32,
    pub literal: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_table_reader_options_t {
    pub struct_size: usize,
    pub format: u32,
    pub compression: u32,
    pub columns: *const *const c_char,
    pub column_count: usize,
    pub terms: *const blobferry_term_t,
    pub term_count: usize,
    pub literals_schema: *mut ArrowSchema,
    pub literals: *mut ArrowArray,
    pub schema: *mut ArrowSchema,
    pub row_groups: *const u32,
    pub row_group_count: usize,
    pub batch_rows: u64,
    pub batch_bytes: u64,
    pub max_prefetch: u64,
    pub csv: *const blobferry_csv_options_t,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers and pointers behind the size.
unsafe impl Struct for blobferry_table_reader_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        format: BLOBFERRY_FORMAT_AUTO,
        compression: BLOBFERRY_COMPRESSION_AUTO,
        columns: null(),
        column_count: 0,
        terms: null(),
        term_count: 0,
        literals_schema: null_mut(),
        literals: null_mut(),
        schema: null_mut(),
        row_groups: null(),
        row_group_count: 0,
        batch_rows: 0,
        batch_bytes: 0,
        max_prefetch: 0,
        csv: null(),
        flags: 0,
        reserved: 0,
    };
    const FIRST_SIZE: usize = 128;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_options_init(
    options: *mut blobferry_table_reader_options_t,
    struct_size: usize,
) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

/// The options, and the structs that are given with them.
unsafe fn reader_options(
    options: &blobferry_table_reader_options_t,
    store: &Store,
) -> Result<(DecodeOptions, Option<Moves>)> {
    cast::check_flags(options.flags, BLOBFERRY_TABLE_TRUSTED, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    // SAFETY: the header's contract.
    let (columns, row_groups, (predicate, given), csv) = unsafe {
        (
            texts(options.columns, options.column_count, "options.columns")?,
            cast::array(options.row_groups, options.row_group_count, "options.row_groups")?,
            predicate(options, store)?,
            format::csv_options(options.csv)?,
        )
    };
    let mut moves = given;
    let mut schema = None;
    if !options.schema.is_null() {
        // SAFETY: the header's contract.
        let (found, given) = unsafe { c_data::import_schema(options.schema, "options.schema") }?;
        schema = Some(found);
        moves = Some(match moves {
            Some(moves) => moves.and(given),
            None => given,
        });
    }
    let default = DecodeOptions::new(format::format(options.format)?);
    let options = DecodeOptions {
        compression: compression(options.compression)?,
        columns: (!options.columns.is_null()).then_some(columns),
        predicate,
        schema,
        row_groups: (!row_groups.is_empty()).then(|| row_groups.to_vec()),
        batch_rows: or(options.batch_rows, default.batch_rows),
        batch_bytes: or(options.batch_bytes, default.batch_bytes),
        max_prefetch: or(options.max_prefetch, default.max_prefetch),
        max_row_group: or(options.max_prefetch, default.max_row_group),
        is_trusted: options.flags & BLOBFERRY_TABLE_TRUSTED != 0,
        csv,
        ..default
    };
    Ok((options, moves))
}

unsafe fn texts(given: *const *const c_char, count: usize, name: &str) -> Result<Vec<String>> {
    // SAFETY: as the caller's.
    let given = unsafe { cast::array(given, count, name) }?;
    let text = |(index, text): (usize, &*const c_char)| {
        // SAFETY: as the caller's.
        unsafe { cast::text(*text, &format!("{name}[{index}]")) }.map(str::to_string)
    };
    given.iter().enumerate().map(text).collect()
}

/// What `terms` and `literals` say.
unsafe fn predicate(
    options: &blobferry_table_reader_options_t,
    store: &Store,
) -> Result<(Option<Predicate>, Option<Moves>)> {
    // SAFETY: the header's contract.
    let given = unsafe { cast::array(options.terms, options.term_count, "options.terms") }?;
    let mut terms = Vec::with_capacity(given.len());
    for (index, term) in given.iter().enumerate() {
        // SAFETY: the header's contract.
        let column = unsafe { cast::text(term.column, &format!("options.terms[{index}].column")) }?.to_string();
        terms.push(Term { column, operator: operator(term.op, index)?, literal: term.literal as usize });
    }
    let names = ["options.literals_schema", "options.literals"];
    let (literals, moves) = match (options.literals_schema.is_null(), options.literals.is_null()) {
        (true, true) => (None, None),
        (false, false) => {
            let service = store.service();
            // SAFETY: the header's contract.
            let (literals, moves) =
                unsafe { c_data::import_record(service, options.literals_schema, options.literals, names) }?;
            (Some(literals), Some(moves))
        }
        (no_schema, _) => {
            let name = if no_schema { names[0] } else { names[1] };
            return Err(Error::argument(format!("`{name}` is NULL, and the other one is not")));
        }
    };
    if terms.is_empty() {
        return Ok((None, moves));
    }
    Ok((Some(Predicate::new(terms, literals)?), moves))
}

fn operator(number: u32, index: usize) -> Result<Operator> {
    Ok(match number {
        BLOBFERRY_OP_EQ => Operator::Equal,
        BLOBFERRY_OP_NE => Operator::NotEqual,
        BLOBFERRY_OP_LT => Operator::Less,
        BLOBFERRY_OP_LE => Operator::LessEqual,
        BLOBFERRY_OP_GT => Operator::Greater,
        BLOBFERRY_OP_GE => Operator::GreaterEqual,
        BLOBFERRY_OP_IS_NULL => Operator::IsNull,
        BLOBFERRY_OP_IS_NOT_NULL => Operator::IsNotNull,
        number => {
            let message = format!("`options.terms[{index}].op` is {number}, which is none of BLOBFERRY_OP_…");
            return Err(Error::argument(message));
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_new(
    store: *const blobferry_store_t,
    keys: *const *const c_char,
    key_count: usize,
    options: *const blobferry_table_reader_options_t,
    reader_out: *mut *mut blobferry_table_reader_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (store, keys, options, reader_out) = unsafe {
            (
                &cast::borrow(store, "store")?.store,
                texts(keys, key_count, "keys")?,
                cast::options(options, "options")?,
                cast::out(reader_out, "reader_out")?,
            )
        };
        store.service().check_process()?;
        for key in &keys {
            store.check_key(key).map_err(|error| error.asked("read"))?;
        }
        // SAFETY: the header's contract.
        let (options, moves) = unsafe { reader_options(&options, store) }?;
        let keys: Vec<Arc<str>> = keys.into_iter().map(Arc::from).collect();
        let reader = TableReader::new(store, keys, options)?;
        *reader_out = cast::give(blobferry_table_reader_t { reader, pairs: OnceLock::new() });
        if let Some(moves) = moves {
            moves.commit();
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_open(
    reader: *mut blobferry_table_reader_t,
    cq: *mut blobferry_cq_t,
    options: *const blobferry_read_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe {
        request(reader, "open", options, sink, TableReader::open)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_next(
    reader: *mut blobferry_table_reader_t,
    cq: *mut blobferry_cq_t,
    options: *const blobferry_read_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    submit::call(cq, user_data, ticket_out, error_out, |sink| unsafe {
        request(reader, "read", options, sink, TableReader::next)
    })
}

/// Submits a request of a reader.
unsafe fn request(
    reader: *const blobferry_table_reader_t,
    verb: &'static str,
    options: *const blobferry_read_options_t,
    sink: Sink<'_>,
    work: impl FnOnce(&TableReader) -> Result<Work>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (reader, options) = unsafe { (reader_of(reader)?, cast::options(options, "options")?) };
    cast::check_flags(options.flags, 0, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    let asked = Asked { verb, key: reader.key().clone() };
    let submission = Submission { store: reader.store(), asked, timeout_ms: options.timeout_ms, sink };
    // SAFETY: the header's contract.
    unsafe { submission.submit(None, || work(reader)) }
}

/// A reader of this process.
pub(crate) unsafe fn reader_of<'a>(reader: *const blobferry_table_reader_t) -> Result<&'a TableReader> {
    // SAFETY: the header's contract.
    let reader = &unsafe { cast::borrow(reader, "reader") }?.reader;
    reader.store().service().check_process()?;
    Ok(reader)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_schema(
    reader: *const blobferry_table_reader_t,
    schema_out: *mut ArrowSchema,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (reader, schema_out) = unsafe { (reader_of(reader)?, place(schema_out, "schema_out")?) };
        let schema = reader.schema()?;
        // SAFETY: the header's contract.
        unsafe { c_data::export_schema(&schema, schema_out) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_rows(
    reader: *const blobferry_table_reader_t,
    rows_out: *mut u64,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    boundary::call(error_out, || unsafe { count(reader, rows_out, "rows_out", TableReader::rows) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_row_groups(
    reader: *const blobferry_table_reader_t,
    row_groups_out: *mut u64,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    // SAFETY: the header's contract.
    boundary::call(error_out, || unsafe { count(reader, row_groups_out, "row_groups_out", TableReader::row_groups) })
}

unsafe fn count(
    reader: *const blobferry_table_reader_t,
    place: *mut u64,
    name: &str,
    count: impl FnOnce(&TableReader) -> Result<u64>,
) -> Result<()> {
    // SAFETY: as the caller's.
    let (reader, place) = unsafe { (reader_of(reader)?, cast::out(place, name)?) };
    *place = count(reader)?;
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_pairs(
    reader: *const blobferry_table_reader_t,
    pairs_out: *mut *const blobferry_pair_t,
    count_out: *mut usize,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (handle, pairs_out, count_out) = unsafe {
            (cast::borrow(reader, "reader")?, cast::out(pairs_out, "pairs_out")?, cast::out(count_out, "count_out")?)
        };
        handle.reader.store().service().check_process()?;
        let pairs = handle.reader.pairs()?;
        let pairs = handle.pairs.get_or_init(|| Pairs::new(pairs.iter().cloned()));
        // SAFETY: it is a place.
        *pairs_out = unsafe { Pairs::view(Some(pairs), count_out) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_statistics(
    reader: *const blobferry_table_reader_t,
    table_out: *mut *mut blobferry_table_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (reader, table_out) = unsafe { (reader_of(reader)?, cast::out(table_out, "table_out")?) };
        *table_out = new_table(reader.statistics()?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_skipped(reader: *const blobferry_table_reader_t) -> u64 {
    // SAFETY: the header's contract.
    boundary::answer(0, || unsafe { reader_of(reader) }.map_or(0, TableReader::skipped))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_export(
    reader: *mut blobferry_table_reader_t,
    stream_out: *mut ArrowArrayStream,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (given, stream_out) = unsafe { (reader_of(reader)?, place(stream_out, "stream_out")?) };
        let pull = Box::new(given.pull()?);
        // SAFETY: the header's contract.
        unsafe { c_data::export_stream(pull, stream_out) };
        // SAFETY: the header's contract: it is ours from now on.
        drop(unsafe { cast::take(reader) });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_reader_free(reader: *mut blobferry_table_reader_t) {
    boundary::answer((), || {
        // SAFETY: the header's contract.
        let Some(reader) = (unsafe { cast::take(reader) }) else { return };
        if reader.reader.store().service().check_process().is_err() {
            std::mem::forget(reader);
        }
    });
}
