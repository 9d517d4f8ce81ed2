/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_CQ_H
#define BLOBFERRY_CQ_H

#include "buffer.h"
#include "details.h"
#include "error.h"
#include "service.h"

/*
 * A completion queue is where finished requests arrive. It has a capacity, its
 * credits: a request holds one from the submit call until its completion is
 * taken, so the queue cannot overflow and finishing never needs memory. A submit
 * call that finds no credit returns BLOBFERRY_E_BUSY; a completion is then
 * certain to come, or to be there already.
 *
 * How a consumer learns that completions have come is chosen when the queue is
 * made:
 *
 *   NONE      It does not, or it waits in blobferry_cq_wait. (Waiting works with
 *             FD and FN too.)
 *   FD        An eventfd becomes readable: for epoll, poll, Go's netpoller, an
 *             asyncio loop. The consumer reads it (8 bytes) to reset it.
 *   FN        A function is called: `uv_async_send` and its handle for libuv and
 *             Julia. It is called on threads of the library, possibly on several
 *             at once, and once at the end of a closed queue, which can be inside
 *             the call that closes or frees the queue or the service. It must not
 *             block, must not call the library and must not run code of a managed
 *             language.
 *   CALLBACK  Completions are delivered in batches to a function, on one thread
 *             that the library keeps for this queue. It may block (only its own
 *             queue waits for it), may submit, and may free the queue and the
 *             service.
 *
 * With FD and FN the consumer sleeps like this, and no wake is lost:
 *
 *   for (;;) {
 *     blobferry_cq_drain(...)           until it gives 0
 *     if it said BLOBFERRY_E_CLOSED: stop
 *     blobferry_cq_arm(...)             `armed` = 0: drain again, do not sleep
 *     sleep until woken; with FD, read the descriptor
 *   }
 *
 * One arm brings at most one wake, however many completions come. A wake with
 * nothing to drain is possible and harmless.
 */
typedef struct blobferry_cq blobferry_cq_t;

/* Rows: see table.h. */
typedef struct blobferry_table blobferry_table_t;

/*
 * Every submit call says which statuses its completion can have. Besides those,
 * any completion can have BLOBFERRY_E_CANCELLED, _CLOSED, _DEADLINE, _PERMISSION,
 * _IO, _PANIC and _UNKNOWN; on file:// also _ARGUMENT, for a name that the file system
 * does not take (its segments may have fewer bytes, or it takes UTF-8 only); and
 * over a network those that a server's answer, or its absence, comes to:
 *
 *   _UNAUTHENTICATED  401, and codes that tell of keys and tokens
 *   _PERMISSION       403, 423, 451
 *   _NOT_FOUND        404, 410, also of a bucket or container
 *   _UNSUPPORTED      405, 501
 *   _ARGUMENT         400, 413, and 3xx (not http): a wrong endpoint or region, which the message names
 *   _EXISTS           409, 412 to BLOBFERRY_PUT_CREATE
 *   _PRECONDITION     409, 412 otherwise
 *   _THROTTLED        429, and 503 that asks to slow down
 *   _NO_SPACE         507
 *   _SERVER           the other 5xx, and answers that make no sense: another range than was asked for, a listing that
 *                     is none or that repeats itself
 *   _TIMEOUT          408; nothing moved for `stall_timeout`, or one attempt took longer than `timeout`
 *   _CONNECTION       no name (DNS), no connection, no TLS, or the connection broke
 *   _INTEGRITY        the answer was shorter or longer than it said
 *   _CHANGED          the object was changed while it was got
 */

/* Names a request of one queue. A number, never 0, and never given twice by a
 * queue in 4 billion uses of one credit. */
typedef uint64_t blobferry_ticket_t;

/* The object may have been changed all the same: see blobferry_error_is_maybe_committed. */
#define BLOBFERRY_COMPLETION_MAYBE_COMMITTED 1u
/* blobferry_list_next: this page is the last one. */
#define BLOBFERRY_COMPLETION_LAST_PAGE 2u

/* One finished request. 64 bytes for ever. */
typedef struct blobferry_completion {
  blobferry_ticket_t   ticket;      /* as the submit call gave it */
  uint64_t             user_data;   /* as the submit call took it */
  blobferry_status_t   status;      /* BLOBFERRY_OK or why the request failed */
  uint32_t             flags;       /* BLOBFERRY_COMPLETION_… */
  uint64_t             result;      /* bytes or entries, as the submit call says */
  blobferry_error_t   *error;       /* owned; NULL on success */
  blobferry_details_t *details;     /* owned; NULL unless the request asked for them */
  blobferry_buffer_t  *buffer;      /* owned; NULL unless the verb brings one */
  blobferry_table_t   *table;       /* owned; NULL unless the verb brings one */
} blobferry_completion_t;

#define BLOBFERRY_WAKE_NONE 0u
#define BLOBFERRY_WAKE_FD 1u
#define BLOBFERRY_WAKE_FN 2u
#define BLOBFERRY_WAKE_CALLBACK 3u

/* Wakes a consumer; the value returned is ignored. The shape of uv_async_send. */
typedef int (*blobferry_wake_fn)(void *argument);

/* Takes a batch of completions, oldest first. The array is a view (valid until
 * the function returns); each `error`, `details`, `buffer` and `table` in it is owned
 * by the function. */
typedef void (*blobferry_completion_fn)(void *argument, const blobferry_completion_t *completions, size_t count);

typedef struct blobferry_cq_options {
  size_t                  struct_size;         /* sizeof(blobferry_cq_options_t) */
  uint32_t                capacity;            /* credits; 0 = 1024, or what the service has left */
  uint32_t                wake;                /* BLOBFERRY_WAKE_… */
  blobferry_wake_fn       wake_fn;             /* for FN; else NULL */
  void                   *wake_argument;       /* for FN: returned to wake_fn */
  blobferry_completion_fn completion_fn;       /* for CALLBACK; else NULL */
  void                   *completion_argument; /* for CALLBACK: returned to completion_fn */
  uint32_t                flags;               /* must be 0 */
  uint32_t                reserved;            /* must be 0 */
} blobferry_cq_options_t;

/* clang-format off */
#define BLOBFERRY_CQ_OPTIONS_INIT { sizeof(blobferry_cq_options_t), 0, BLOBFERRY_WAKE_NONE, NULL, NULL, NULL, NULL, 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_CQ_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_cq_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_cq_new
 */
BLOBFERRY_API void blobferry_cq_options_init(blobferry_cq_options_t *options, size_t struct_size);

/**
 * Make a completion queue and reserve its credits from the service.
 *
 * @param service    borrowed; the queue holds its own reference
 * @param options    borrowed; NULL = BLOBFERRY_CQ_OPTIONS_INIT
 * @param cq_out     receives an owned queue: release it with blobferry_cq_free
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the queue is open
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL; an option is unknown; FN without `wake_fn`, CALLBACK
 *                               without `completion_fn`, or either without its kind of wake
 * @retval BLOBFERRY_E_BUSY      the service has fewer than `capacity` credits left
 * @retval BLOBFERRY_E_CLOSED    the service is closed
 * @retval BLOBFERRY_E_FORKED    the service belongs to the parent process
 * @retval BLOBFERRY_E_IO        the system gave no thread or no descriptor
 *
 * Threads: any, concurrently.
 * Blocks:  never; CALLBACK makes a thread.
 * Since:   0.1
 * See:     blobferry_cq_wait, blobferry_cq_drain, blobferry_cq_free
 */
BLOBFERRY_API blobferry_status_t blobferry_cq_new(blobferry_service_t *service, const blobferry_cq_options_t *options,
                                                  blobferry_cq_t **cq_out, blobferry_error_t **error_out);

/**
 * Give the eventfd of a queue made with BLOBFERRY_WAKE_FD.
 *
 * It is non-blocking and close-on-exec. The queue closes it when it is freed:
 * dup it for an owner that closes its own.
 *
 * @param cq  borrowed
 *
 * @return a descriptor (valid until blobferry_cq_free), or -1 where there is none
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_cq_arm
 */
BLOBFERRY_API int blobferry_cq_fd(const blobferry_cq_t *cq);

/**
 * Take the completions that are there, without waiting.
 *
 * Moves up to `capacity` completions, oldest first, into `completions_out` and
 * returns their credits. The value returned is the status of the call; how each
 * request ended is in its completion's `status`.
 *
 * @param cq               borrowed
 * @param completions_out  receives the completions; each `error`, `details`, `buffer` and `table` in them is owned: release
 *                         them with blobferry_error_free, blobferry_details_free, blobferry_buffer_free and
 *                         blobferry_table_free
 * @param capacity         elements in `completions_out`; at least 1
 * @param count_out        receives the number of completions moved
 * @param error_out        receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          zero or more completions were moved
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, `capacity` was 0, or the queue delivers to a callback
 * @retval BLOBFERRY_E_CLOSED    the queue is closed and its last completion taken
 * @retval BLOBFERRY_E_FORKED    the queue belongs to the parent process
 *
 * Threads: any, concurrently; each completion goes to exactly one caller.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_cq_arm, blobferry_cq_wait
 */
BLOBFERRY_API blobferry_status_t blobferry_cq_drain(blobferry_cq_t *cq, blobferry_completion_t *completions_out,
                                                    size_t capacity, size_t *count_out,
                                                    blobferry_error_t **error_out);

/**
 * Take finished requests from a completion queue, waiting for the first.
 *
 * Waits until a completion is there or `timeout_ms` has passed, then does what
 * blobferry_cq_drain does. Running out of time is no error: the call returns
 * BLOBFERRY_OK with `*count_out` = 0.
 *
 * @param cq               borrowed
 * @param completions_out  receives the completions; each `error`, `details`, `buffer` and `table` in them is owned: release
 *                         them with blobferry_error_free, blobferry_details_free, blobferry_buffer_free and
 *                         blobferry_table_free
 * @param capacity         elements in `completions_out`; at least 1
 * @param timeout_ms       milliseconds; 0 = do not wait, negative = no limit
 * @param count_out        receives the number of completions moved
 * @param error_out        receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          zero or more completions were moved
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, `capacity` was 0, or the queue delivers to a callback
 * @retval BLOBFERRY_E_CLOSED    the queue is closed and its last completion taken
 * @retval BLOBFERRY_E_FORKED    the queue belongs to the parent process
 *
 * Threads: any, concurrently; each completion goes to exactly one caller. Not
 *          from inside a wake function.
 * Blocks:  up to `timeout_ms`.
 * Since:   0.1
 * See:     blobferry_cq_drain, blobferry_cq_close
 */
BLOBFERRY_API blobferry_status_t blobferry_cq_wait(blobferry_cq_t *cq, blobferry_completion_t *completions_out,
                                                   size_t capacity, int64_t timeout_ms, size_t *count_out,
                                                   blobferry_error_t **error_out);

/**
 * Ask that the next completion wakes the consumer.
 *
 * `*armed_out` = 1: nothing is there; it is safe to sleep, and the next completion
 * (or the end of the closed queue) wakes. `*armed_out` = 0: there is something to
 * drain, or the queue has come to its end; do not sleep.
 *
 * @param cq         borrowed; made with BLOBFERRY_WAKE_FD or BLOBFERRY_WAKE_FN
 * @param armed_out  receives 1 or 0
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          `*armed_out` was written
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, or the queue has no wake
 * @retval BLOBFERRY_E_FORKED    the queue belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_cq_drain
 */
BLOBFERRY_API blobferry_status_t blobferry_cq_arm(blobferry_cq_t *cq, int *armed_out, blobferry_error_t **error_out);

/**
 * Ask a request to end.
 *
 * Its completion still comes, exactly once: with BLOBFERRY_E_CANCELLED, or with
 * its real outcome where that was settled first. A put that completes with
 * BLOBFERRY_E_CANCELLED has not taken effect unless the completion has the flag
 * BLOBFERRY_COMPLETION_MAYBE_COMMITTED. A ticket of a request that has completed,
 * or that never was, changes nothing and is no error: cancelling is always a race.
 *
 * @param cq         borrowed; the queue that the request was submitted with
 * @param ticket     the ticket that the submit call gave
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request has been asked, or was no longer there
 * @retval BLOBFERRY_E_ARGUMENT  `cq` was NULL
 * @retval BLOBFERRY_E_FORKED    the queue belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_cq_close
 */
BLOBFERRY_API blobferry_status_t blobferry_cq_cancel(blobferry_cq_t *cq, blobferry_ticket_t ticket,
                                                     blobferry_error_t **error_out);

/**
 * Refuse new requests and cancel the running ones.
 *
 * Their completions still come. After the last has been taken, draining says
 * BLOBFERRY_E_CLOSED. A sleeping consumer is woken for that. Closing twice is no
 * error.
 *
 * @param cq         borrowed
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the queue is closed
 * @retval BLOBFERRY_E_ARGUMENT  `cq` was NULL
 * @retval BLOBFERRY_E_FORKED    the queue belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_cq_is_drained, blobferry_cq_free
 */
BLOBFERRY_API blobferry_status_t blobferry_cq_close(blobferry_cq_t *cq, blobferry_error_t **error_out);

/**
 * Tell whether a closed queue has come to its end.
 *
 * 1 means: it is closed, every completion has been taken, and no wake function
 * is running or will ever be called again. What a wake needs (a libuv handle)
 * may be closed now.
 *
 * @param cq  borrowed; NULL is 1
 *
 * @return 1 or 0; in a forked child 1
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_cq_close
 */
BLOBFERRY_API int blobferry_cq_is_drained(const blobferry_cq_t *cq);

/**
 * Free a queue.
 *
 * A queue that is not drained is closed first, its running requests are awaited,
 * and the completions that nobody took are disposed of; a callback gets them all
 * before this returns. Called on a thread of the library (inside a completion
 * callback), it returns at once and the rest is done by a thread made for it.
 *
 * @param cq  given; NULL does nothing
 *
 * Threads: any; once per queue, when no other call uses it. Not from inside a
 *          wake function.
 * Blocks:  until the requests that run have been cancelled.
 * Since:   0.1
 * See:     blobferry_cq_close
 */
BLOBFERRY_API void blobferry_cq_free(blobferry_cq_t *cq);

#endif /* BLOBFERRY_CQ_H */
