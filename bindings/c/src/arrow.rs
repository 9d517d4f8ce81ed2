//! arrow.h: structs of the Arrow C Data and C Stream Interface.

use crate::boundary;
use std::ptr::fn_addr_eq;

pub use blobferry_core::tabular::c_data::{ArrowArray, ArrowArrayStream, ArrowSchema};

/// Marks structs as released; those behind them too, as long as they are released with this function.
macro_rules! release_borrowed {
    ($given:expr, $function:ident) => {{
        let mut waiting = vec![$given];
        while let Some(place) = waiting.pop() {
            if place.is_null() {
                continue;
            }
            // SAFETY: the interface's contract: a struct, whose pointers are to others of its kind.
            let given = unsafe { place.read_unaligned() };
            let Some(release) = given.release else { continue };
            if place != $given && !fn_addr_eq(release, $function as unsafe extern "C" fn(_)) {
                // SAFETY: the struct's own function.
                unsafe { release(place) };
                continue;
            }
            // SAFETY: as above. Marked first, so that a struct which contains itself comes to an end.
            unsafe { (&raw mut (*place).release).write_unaligned(None) };
            waiting.push(given.dictionary);
            let count = if given.children.is_null() { 0 } else { usize::try_from(given.n_children).unwrap_or(0) };
            // SAFETY: as above.
            waiting.extend((0..count).map(|index| unsafe { given.children.add(index).read_unaligned() }));
        }
    }};
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_schema_release_borrowed(schema: *mut ArrowSchema) {
    boundary::answer((), || release_borrowed!(schema, blobferry_schema_release_borrowed));
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_array_release_borrowed(array: *mut ArrowArray) {
    boundary::answer((), || release_borrowed!(array, blobferry_array_release_borrowed));
}
