//! aggregate.h: tables into one row.

use crate::base::blobferry_status_t;
use crate::cast::{self, Struct};
use crate::cq::{blobferry_cq_t, blobferry_ticket_t};
use crate::error::blobferry_error_t;
use crate::submit::{self, Sink};
use crate::table::{self, blobferry_table_t};
use blobferry_core::error::{Asked, Error, Result};
use blobferry_core::memory::Loan;
use blobferry_core::tabular::aggregate::{Aggregation, Function, aggregate};
use std::ffi::c_char;
use std::mem::size_of;

const BLOBFERRY_AGGREGATE_COUNT: u32 = 0;
const BLOBFERRY_AGGREGATE_SUM: u32 = 1;
const BLOBFERRY_AGGREGATE_MIN: u32 = 2;
const BLOBFERRY_AGGREGATE_MAX: u32 = 3;
const BLOBFERRY_AGGREGATE_MEAN: u32 = 4;
const BLOBFERRY_AGGREGATE_NULL_COUNT: u32 = 5;

/// Columns of a result at most.
const MOST: usize = 10_000;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_aggregation_t {
    pub column: *const c_char,
    pub function: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_aggregate_options_t {
    pub struct_size: usize,
    pub timeout_ms: u64,
    pub flags: u32,
    pub reserved: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_aggregate_options_t {
    const DEFAULT: Self = Self { struct_size: size_of::<Self>(), timeout_ms: 0, flags: 0, reserved: 0 };
    const FIRST_SIZE: usize = 24;
}

impl blobferry_aggregation_t {
    unsafe fn aggregation(&self) -> Result<Aggregation> {
        cast::check_flags(self.reserved, 0, "aggregations.reserved")?;
        let function = match self.function {
            BLOBFERRY_AGGREGATE_COUNT => Function::Count,
            BLOBFERRY_AGGREGATE_SUM => Function::Sum,
            BLOBFERRY_AGGREGATE_MIN => Function::Min,
            BLOBFERRY_AGGREGATE_MAX => Function::Max,
            BLOBFERRY_AGGREGATE_MEAN => Function::Mean,
            BLOBFERRY_AGGREGATE_NULL_COUNT => Function::NullCount,
            unknown => {
                let message = format!("`aggregations.function` is {unknown}, which is none of BLOBFERRY_AGGREGATE_…");
                return Err(Error::argument(message));
            }
        };
        // SAFETY: the header's contract.
        let column = unsafe { cast::optional_text(self.column, "aggregations.column") }?;
        Ok(Aggregation { column: column.map(str::to_string), function })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_aggregate_options_init(
    options: *mut blobferry_aggregate_options_t,
    struct_size: usize,
) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_table_aggregate(
    table: *const blobferry_table_t,
    cq: *mut blobferry_cq_t,
    aggregations: *const blobferry_aggregation_t,
    aggregation_count: usize,
    options: *const blobferry_aggregate_options_t,
    user_data: u64,
    ticket_out: *mut blobferry_ticket_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    submit::call(cq, user_data, ticket_out, error_out, |sink| {
        // SAFETY: the header's contract.
        unsafe { submit(table, aggregations, aggregation_count, options, sink) }
    })
}

unsafe fn submit(
    table: *const blobferry_table_t,
    aggregations: *const blobferry_aggregation_t,
    count: usize,
    options: *const blobferry_aggregate_options_t,
    sink: Sink<'_>,
) -> Result<()> {
    // SAFETY: the header's contract.
    let (table, options, service) =
        unsafe { (table::borrow(table)?, cast::options(options, "options")?, sink.service()?.clone()) };
    service.check_process()?;
    cast::check_flags(options.flags, 0, "options.flags")?;
    cast::check_flags(options.reserved, 0, "options.reserved")?;
    if !(1..=MOST).contains(&count) {
        return Err(Error::argument(format!("`aggregation_count` is {count}, and not in 1 to {MOST}")));
    }
    // SAFETY: the header's contract.
    let given = unsafe { cast::array(aggregations, count, "aggregations") }?;
    // SAFETY: as above.
    let asked = given.iter().map(|each| unsafe { each.aggregation() }).collect::<Result<Vec<_>>>()?;
    let names: Vec<_> = asked.iter().take(8).map(Aggregation::name).collect();
    let (loan, key) = (Loan::new(), names.join(", ").into());
    let work = || aggregate(&service, table, &asked, &loan);
    // SAFETY: as the caller's.
    unsafe { sink.submit_taking(Asked { verb: "aggregate", key }, options.timeout_ms, Some(loan.clone()), work, || ()) }
}
