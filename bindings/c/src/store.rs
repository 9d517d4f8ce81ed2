//! store.h: where objects are.

use crate::base::{Pairs, blobferry_pair_t, blobferry_status_t, pairs};
use crate::boundary;
use crate::cast;
use crate::error::blobferry_error_t;
use crate::service::blobferry_service_t;
use blobferry_core::stores::Store;
use std::ffi::c_char;

pub struct blobferry_store_t {
    pub(crate) store: Store,
    settings: Pairs,
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_store_open(
    service: *mut blobferry_service_t,
    url: *const c_char,
    options: *const blobferry_pair_t,
    option_count: usize,
    store_out: *mut *mut blobferry_store_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (service, url, options, store_out) = unsafe {
            (
                cast::borrow(service, "service")?,
                cast::text(url, "url")?,
                pairs(options, option_count, "options")?,
                cast::out(store_out, "store_out")?,
            )
        };
        let shared = service.service.shared();
        shared.check_process()?;
        let store = Store::open(shared, url, &options)?;
        let settings = Pairs::new(store.settings().iter().cloned());
        *store_out = cast::give(blobferry_store_t { store, settings });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_store_capabilities(store: *const blobferry_store_t) -> u64 {
    // SAFETY: the header's contract.
    unsafe { store.as_ref() }.map_or(0, |store| store.store.capabilities())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_store_settings(
    store: *const blobferry_store_t,
    count_out: *mut usize,
) -> *const blobferry_pair_t {
    // SAFETY: the header's contract.
    unsafe { Pairs::view(store.as_ref().map(|store| &store.settings), count_out) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_store_free(store: *mut blobferry_store_t) {
    boundary::answer((), || {
        // SAFETY: the header's contract.
        let Some(store) = (unsafe { cast::take(store) }) else { return };
        if store.store.service().check_process().is_err() {
            std::mem::forget(store);
        }
    });
}
