/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_SERVICE_H
#define BLOBFERRY_SERVICE_H

#include "error.h"

/*
 * A service owns the threads that do the work and the limits that all its
 * requests share. A process may have several; most need one. It is made once and
 * freed at the end. At `exit` it need not be freed: requests in flight are
 * abandoned safely.
 *
 * Credits are the only reason for a submit call to refuse a request
 * (BLOBFERRY_E_BUSY). The limits on requests and bytes in flight delay requests
 * and never refuse them. Bytes in flight are bytes of objects in memory of the
 * library, as a put to memory:// before it is done; one request larger than the
 * limit takes all of it. A get goes into memory of the caller and needs none. A
 * page of a list, bounded by itself, is not counted.
 */
typedef struct blobferry_service blobferry_service_t;

typedef struct blobferry_service_options {
  size_t   struct_size;            /* sizeof(blobferry_service_options_t) */
  uint32_t io_threads;             /* threads that run requests; 0 = one per CPU, at most 4 */
  uint32_t pool_threads;           /* threads for files and heavy work; 0 = one per CPU, 2 to 16 */
  uint32_t max_credits;            /* credits of all queues together, at most 1 048 576; 0 = 65 536 */
  uint32_t max_requests_in_flight; /* requests worked on at once, others wait; 0 = 1024 */
  uint64_t max_bytes_in_flight;    /* bytes of objects the library holds for requests; 0 = 256 MiB */
  uint32_t flags;                  /* must be 0 */
  uint32_t compute_threads;        /* threads that parse and encode tables; 0 = one per CPU, at most 64 */
} blobferry_service_options_t;

/* clang-format off */
#define BLOBFERRY_SERVICE_OPTIONS_INIT { sizeof(blobferry_service_options_t), 0, 0, 0, 0, 0, 0, 0 }
/* clang-format on */

/* What a service is doing now: a snapshot. */
typedef struct blobferry_service_usage {
  size_t   struct_size;        /* sizeof(blobferry_service_usage_t) */
  uint64_t credits_reserved;   /* capacities of the queues that are not freed */
  uint64_t credits_used;       /* requests running or undrained */
  uint64_t requests_running;   /* requests accepted and not completed */
  uint64_t requests_in_flight; /* of these, past the wait for `max_requests_in_flight` */
  uint64_t bytes_in_flight;    /* bytes of objects held for requests now */
  uint64_t uploads_aborting;   /* multipart uploads being begun or aborted behind their requests */
} blobferry_service_usage_t;

/* clang-format off */
#define BLOBFERRY_SERVICE_USAGE_INIT { sizeof(blobferry_service_usage_t), 0, 0, 0, 0, 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_SERVICE_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_service_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_service_new
 */
BLOBFERRY_API void blobferry_service_options_init(blobferry_service_options_t *options, size_t struct_size);

/**
 * Make a service and start its threads.
 *
 * @param options      borrowed; NULL = BLOBFERRY_SERVICE_OPTIONS_INIT
 * @param service_out  receives an owned service: release it with blobferry_service_free
 * @param error_out    receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the service runs
 * @retval BLOBFERRY_E_ARGUMENT  `service_out` was NULL, or an option is unknown or out of bounds
 * @retval BLOBFERRY_E_IO        the system gave no more threads or files
 *
 * Threads: any, concurrently.
 * Blocks:  while the threads are made, well under a millisecond each.
 * Since:   0.1
 * See:     blobferry_cq_new, blobferry_store_open, blobferry_service_free
 */
BLOBFERRY_API blobferry_status_t blobferry_service_new(const blobferry_service_options_t *options,
                                                       blobferry_service_t **service_out,
                                                       blobferry_error_t **error_out);

/**
 * Read back the settings in force, every default replaced by its number.
 *
 * @param service       borrowed
 * @param settings_out  receives the settings; its `struct_size` must be set
 * @param error_out     receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the settings were written
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL or `struct_size` unknown
 * @retval BLOBFERRY_E_FORKED    the service belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_service_usage
 */
BLOBFERRY_API blobferry_status_t blobferry_service_settings(const blobferry_service_t *service,
                                                            blobferry_service_options_t *settings_out,
                                                            blobferry_error_t **error_out);

/**
 * Tell what a service is doing now.
 *
 * @param service    borrowed
 * @param usage_out  receives the numbers; its `struct_size` must be set
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the numbers were written
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL or `struct_size` unknown
 * @retval BLOBFERRY_E_FORKED    the service belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_service_settings, blobferry_live_counts
 */
BLOBFERRY_API blobferry_status_t blobferry_service_usage(const blobferry_service_t *service,
                                                         blobferry_service_usage_t *usage_out,
                                                         blobferry_error_t **error_out);

/**
 * Wait until no request of the service runs.
 *
 * Every completion is then visible in its queue, and every multipart upload that
 * failed has been aborted, as far as its server let it. New requests are not
 * refused; if others keep submitting, the call waits on.
 *
 * @param service     borrowed
 * @param timeout_ms  milliseconds; 0 = only look, negative = no limit
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          nothing runs
 * @retval BLOBFERRY_E_ARGUMENT  `service` was NULL
 * @retval BLOBFERRY_E_DEADLINE  requests were still running, or uploads being aborted, after `timeout_ms`
 * @retval BLOBFERRY_E_FORKED    the service belongs to the parent process
 *
 * Threads: any, concurrently. Not from inside a wake function or a completion
 *          callback, where the wait could be for the caller itself.
 * Blocks:  up to `timeout_ms`.
 * Since:   0.1
 * See:     blobferry_service_free
 */
BLOBFERRY_API blobferry_status_t blobferry_service_drain(blobferry_service_t *service, int64_t timeout_ms,
                                                         blobferry_error_t **error_out);

/**
 * Free a service: close its queues, wait for the last completion, end its threads.
 *
 * Requests that run are cancelled; to let them finish, call
 * blobferry_service_drain first. Queues and stores of the service may be freed
 * before or after it: a queue still gives its completions, then
 * BLOBFERRY_E_CLOSED; a store refuses with BLOBFERRY_E_CLOSED. Called on a
 * thread of the library (inside a completion callback), it does not wait: a
 * thread made for it does. Of the memory that transfers had, the process keeps up to
 * 32 MiB for those of its other services.
 *
 * @param service  given; NULL does nothing
 *
 * Threads: any; once per service. Not from inside a wake function.
 * Blocks:  until the requests that run have been cancelled; each ends after at
 *          most one chunk (1 MiB) of file I/O, one commit (rename, fsync) or one
 *          page of a list; then, for 10 seconds at most, until uploads that failed
 *          have been aborted.
 * Since:   0.1
 * See:     blobferry_service_drain, blobferry_cq_free
 */
BLOBFERRY_API void blobferry_service_free(blobferry_service_t *service);

#endif /* BLOBFERRY_SERVICE_H */
