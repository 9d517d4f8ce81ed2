//! service.h: the threads and the limits that requests share.

use crate::base::blobferry_status_t;
use crate::boundary;
use crate::cast::{self, Struct};
use crate::error::blobferry_error_t;
use blobferry_core::service::Service;
use blobferry_core::settings::Settings;
use std::mem::size_of;
use std::time::{Duration, Instant};

pub struct blobferry_service_t {
    pub(crate) service: Service,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_service_options_t {
    pub struct_size: usize,
    pub io_threads: u32,
    pub pool_threads: u32,
    pub max_credits: u32,
    pub max_requests_in_flight: u32,
    pub max_bytes_in_flight: u64,
    pub flags: u32,
    pub compute_threads: u32,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_service_options_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        io_threads: 0,
        pool_threads: 0,
        max_credits: 0,
        max_requests_in_flight: 0,
        max_bytes_in_flight: 0,
        flags: 0,
        compute_threads: 0,
    };
    const FIRST_SIZE: usize = 40;
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct blobferry_service_usage_t {
    pub struct_size: usize,
    pub credits_reserved: u64,
    pub credits_used: u64,
    pub requests_running: u64,
    pub requests_in_flight: u64,
    pub bytes_in_flight: u64,
    pub uploads_aborting: u64,
}

// SAFETY: integers behind the size.
unsafe impl Struct for blobferry_service_usage_t {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        credits_reserved: 0,
        credits_used: 0,
        requests_running: 0,
        requests_in_flight: 0,
        bytes_in_flight: 0,
        uploads_aborting: 0,
    };
    const FIRST_SIZE: usize = 56;
}

/// A time in a call: negative is no limit.
pub(crate) fn limit(timeout_ms: i64) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_service_options_init(options: *mut blobferry_service_options_t, struct_size: usize) {
    // SAFETY: the header's contract.
    unsafe { cast::write_default(options, struct_size) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_service_new(
    options: *const blobferry_service_options_t,
    service_out: *mut *mut blobferry_service_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let (options, service_out) =
            unsafe { (cast::options(options, "options")?, cast::out(service_out, "service_out")?) };
        cast::check_flags(options.flags, 0, "options.flags")?;
        let service = Service::new(Settings {
            io_threads: options.io_threads,
            pool_threads: options.pool_threads,
            max_credits: options.max_credits,
            max_requests_in_flight: options.max_requests_in_flight,
            max_bytes_in_flight: options.max_bytes_in_flight,
            compute_threads: options.compute_threads,
        })?;
        *service_out = cast::give(blobferry_service_t { service });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_service_settings(
    service: *const blobferry_service_t,
    settings_out: *mut blobferry_service_options_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let shared = unsafe { cast::borrow(service, "service")? }.service.shared();
        shared.check_process()?;
        let settings = shared.settings();
        let options = blobferry_service_options_t {
            io_threads: settings.io_threads,
            pool_threads: settings.pool_threads,
            max_credits: settings.max_credits,
            max_requests_in_flight: settings.max_requests_in_flight,
            max_bytes_in_flight: settings.max_bytes_in_flight,
            compute_threads: settings.compute_threads,
            ..blobferry_service_options_t::DEFAULT
        };
        // SAFETY: the header's contract.
        unsafe { cast::write_struct(options, settings_out, "settings_out") }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_service_usage(
    service: *const blobferry_service_t,
    usage_out: *mut blobferry_service_usage_t,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let shared = unsafe { cast::borrow(service, "service")? }.service.shared();
        shared.check_process()?;
        let usage = shared.usage();
        let usage = blobferry_service_usage_t {
            credits_reserved: usage.credits_reserved,
            credits_used: usage.credits_used,
            requests_running: usage.requests_running,
            requests_in_flight: usage.requests_in_flight,
            bytes_in_flight: usage.bytes_in_flight,
            uploads_aborting: usage.uploads_aborting,
            ..blobferry_service_usage_t::DEFAULT
        };
        // SAFETY: the header's contract.
        unsafe { cast::write_struct(usage, usage_out, "usage_out") }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_service_drain(
    service: *mut blobferry_service_t,
    timeout_ms: i64,
    error_out: *mut *mut blobferry_error_t,
) -> blobferry_status_t {
    boundary::call(error_out, || {
        // SAFETY: the header's contract.
        let shared = unsafe { cast::borrow(service, "service")? }.service.shared();
        shared.check_process()?;
        shared.drain(limit(timeout_ms).and_then(|limit| Instant::now().checked_add(limit)))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn blobferry_service_free(service: *mut blobferry_service_t) {
    boundary::answer((), || {
        // SAFETY: the header's contract.
        let Some(service) = (unsafe { cast::take(service) }) else { return };
        match service.service.shared().check_process() {
            Ok(()) => service.service.free(),
            // The threads to wait for are in the parent.
            Err(_) => std::mem::forget(service),
        }
    });
}
