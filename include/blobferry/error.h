/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_ERROR_H
#define BLOBFERRY_ERROR_H

#include "base.h"

/*
 * An error is a value. A call that fails gives it through `error_out`, a request
 * that fails through its completion; both are owned by whoever receives them and
 * are released with blobferry_error_free. It refers to nothing else, so it may
 * outlive its service and move between threads. Every accessor takes NULL and
 * answers as if nothing had gone wrong.
 *
 * The message says what was asked, what happened and what can be done about it,
 * in one line of UTF-8. No credential, token or signature is ever in it.
 */
typedef struct blobferry_error blobferry_error_t;

/**
 * Tell the status that the error belongs to.
 *
 * It is the one that the call returned, or that the completion carries.
 *
 * @param error  borrowed; NULL is BLOBFERRY_OK
 *
 * @return the status
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_status_name
 */
BLOBFERRY_API blobferry_status_t blobferry_error_status(const blobferry_error_t *error);

/**
 * Give the message of an error.
 *
 * One line: what was asked, what happened, what can be done.
 *
 * @param error  borrowed; NULL is ""
 *
 * @return a view (valid until blobferry_error_free)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_error_status
 */
BLOBFERRY_API const char *blobferry_error_message(const blobferry_error_t *error);

/**
 * Give the HTTP status of the answer that failed the request.
 *
 * Stores without a network never have one.
 *
 * @param error  borrowed; NULL is 0
 *
 * @return the HTTP status, or 0 where there was no answer
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_error_request_id
 */
BLOBFERRY_API uint32_t blobferry_error_http_status(const blobferry_error_t *error);

/**
 * Give the server's own name for the request, for its operator's logs.
 *
 * Stores without a network never have one.
 *
 * @param error  borrowed; NULL is NULL
 *
 * @return a view (valid until blobferry_error_free), or NULL where there is none
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_error_http_status
 */
BLOBFERRY_API const char *blobferry_error_request_id(const blobferry_error_t *error);

/**
 * Give the server's own name for what went wrong, as "NoSuchBucket".
 *
 * It is for logs and for support; act on the status, which is the same for every
 * kind of server. The message has it, too, with the server's words.
 *
 * @param error  borrowed; NULL is NULL
 *
 * @return a view (valid until blobferry_error_free), or NULL where there is none
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_error_request_id
 */
BLOBFERRY_API const char *blobferry_error_server_code(const blobferry_error_t *error);

/**
 * Tell how often the request was tried.
 *
 * A request refused by its submit call, or cancelled before it began, was not.
 *
 * @param error  borrowed; NULL is 0
 *
 * @return the number of attempts
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_error_is_retryable
 */
BLOBFERRY_API uint32_t blobferry_error_attempts(const blobferry_error_t *error);

/**
 * Tell whether the same request may succeed when it is made again unchanged.
 *
 * BLOBFERRY_E_BUSY, _CHANGED, _THROTTLED, _TIMEOUT, _CONNECTION and most of
 * _SERVER are retryable; what the caller or an operator must change first is not.
 *
 * @param error  borrowed; NULL is 0
 *
 * @return 1 or 0
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_error_is_maybe_committed
 */
BLOBFERRY_API int blobferry_error_is_retryable(const blobferry_error_t *error);

/**
 * Tell whether a failed put, delete or other change may have taken effect.
 *
 * 0 means that it certainly did not. The completion's flag
 * BLOBFERRY_COMPLETION_MAYBE_COMMITTED says the same.
 *
 * @param error  borrowed; NULL is 0
 *
 * @return 1 or 0
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_error_is_retryable
 */
BLOBFERRY_API int blobferry_error_is_maybe_committed(const blobferry_error_t *error);

/**
 * Release an error.
 *
 * Views of it end here.
 *
 * @param error  given; NULL does nothing
 *
 * Threads: any; once per error.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_error_message
 */
BLOBFERRY_API void blobferry_error_free(blobferry_error_t *error);

#endif /* BLOBFERRY_ERROR_H */
