/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_BASE_H
#define BLOBFERRY_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define BLOBFERRY_API extern "C" __attribute__((visibility("default")))
#else
#define BLOBFERRY_API extern __attribute__((visibility("default")))
#endif

/* The version of this header, equal to that of the library it came with. */
#define BLOBFERRY_VERSION_MAJOR 0
#define BLOBFERRY_VERSION_MINOR 1
#define BLOBFERRY_VERSION_PATCH 0
#define BLOBFERRY_VERSION "0.1.0"

/* Raised when a program built with an older header can no longer run with the
 * library; it is also the number at the end of the SONAME. */
#define BLOBFERRY_ABI_VERSION 0

/* How a call or a request ended. OK is 0 and every error is negative; a number
 * is never used again for another meaning. */
typedef int32_t blobferry_status_t;

#define BLOBFERRY_OK 0
/* The call was wrong: a NULL, a bad text, an unknown option, a closed choice. */
#define BLOBFERRY_E_ARGUMENT (-1)
/* The store cannot do what was asked; said before any byte moves. */
#define BLOBFERRY_E_UNSUPPORTED (-2)
/* No credit is free: take completions, then submit again. Not a failure. */
#define BLOBFERRY_E_BUSY (-3)
/* The queue or its service is closed. */
#define BLOBFERRY_E_CLOSED (-4)
/* This process is a fork of the one that made the handle. */
#define BLOBFERRY_E_FORKED (-5)
/* The request was cancelled, or its queue closed, before it was done. */
#define BLOBFERRY_E_CANCELLED (-6)
/* `timeout_ms` passed before it was done. */
#define BLOBFERRY_E_DEADLINE (-7)
/* There is no such object, bucket or folder. */
#define BLOBFERRY_E_NOT_FOUND (-8)
/* The object was to be created and is there already. */
#define BLOBFERRY_E_EXISTS (-9)
/* The object is not at the revision that the request names. */
#define BLOBFERRY_E_PRECONDITION (-10)
/* The object has not changed since the revision or time that the request names. */
#define BLOBFERRY_E_NOT_MODIFIED (-11)
/* Known who asks, and it is not allowed. */
#define BLOBFERRY_E_PERMISSION (-12)
/* Not known who asks: credentials missing, wrong or expired. */
#define BLOBFERRY_E_UNAUTHENTICATED (-13)
/* The range begins at or after the end of the object. */
#define BLOBFERRY_E_RANGE (-14)
/* The buffer is smaller than what was asked for; `result` is the size needed. */
#define BLOBFERRY_E_TOO_SMALL (-15)
/* The server asks to be asked less often. */
#define BLOBFERRY_E_THROTTLED (-16)
/* The peer made no progress for too long. */
#define BLOBFERRY_E_TIMEOUT (-17)
/* The peer could not be reached, or the connection broke. */
#define BLOBFERRY_E_CONNECTION (-18)
/* The bytes received are not the bytes promised. */
#define BLOBFERRY_E_INTEGRITY (-19)
/* The object changed while it was being read. */
#define BLOBFERRY_E_CHANGED (-20)
/* The server failed, or answered what no such server answers. */
#define BLOBFERRY_E_SERVER (-21)
/* The disk, the quota or the memory is full, or a file would be larger than allowed. */
#define BLOBFERRY_E_NO_SPACE (-22)
/* The local system failed to read or write, or ran out of threads or files. */
#define BLOBFERRY_E_IO (-23)
/* A bug of ours: please report it, with the message. */
#define BLOBFERRY_E_PANIC (-100)
/* Something that none of the above describes. */
#define BLOBFERRY_E_UNKNOWN (-101)

/* A key and its value: an option of a store, or one entry of user metadata. */
typedef struct blobferry_pair {
  const char *key;   /* UTF-8, NUL-terminated */
  const char *value; /* UTF-8, NUL-terminated */
} blobferry_pair_t;

/* What the library holds in this process, over all services. After everything
 * has been freed and drained, every number is 0. A forked child begins with the
 * numbers of its parent. */
typedef struct blobferry_live_counts {
  size_t   struct_size; /* sizeof(blobferry_live_counts_t) */
  uint64_t handles;     /* services, queues, stores, errors and all else not freed */
  uint64_t leases;      /* buffers lent, and Arrow arrays and streams given, that are not back */
  uint64_t requests;    /* requests accepted whose completion is not yet visible */
  uint64_t credits;     /* completions running or undrained */
  uint64_t threads;     /* threads of ours */
} blobferry_live_counts_t;

/* clang-format off */
#define BLOBFERRY_LIVE_COUNTS_INIT { sizeof(blobferry_live_counts_t), 0, 0, 0, 0, 0 }
/* clang-format on */

/**
 * Tell the ABI version of the library that is loaded.
 *
 * Compare it with BLOBFERRY_ABI_VERSION where the library is loaded at run time:
 * if they differ, call nothing else.
 *
 * @return the number that was BLOBFERRY_ABI_VERSION when the library was built
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_version
 */
BLOBFERRY_API uint32_t blobferry_abi_version(void);

/**
 * Tell the version of the library that is loaded, as "0.1.0".
 *
 * The text is what BLOBFERRY_VERSION was when the library was built.
 *
 * @return a view (valid for ever)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_abi_version
 */
BLOBFERRY_API const char *blobferry_version(void);

/**
 * Name a status, as "BLOBFERRY_E_NOT_FOUND".
 *
 * For logs. A number that the library does not know is
 * "BLOBFERRY_E_UNKNOWN".
 *
 * @param status  a status of any call or completion
 *
 * @return a view (valid for ever)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_error_message
 */
BLOBFERRY_API const char *blobferry_status_name(blobferry_status_t status);

/**
 * Count what the library holds in this process.
 *
 * For tests and for finding leaks: the numbers are exact when nothing else
 * runs, and a snapshot otherwise.
 *
 * @param counts_out  receives the counts; its `struct_size` must be set
 *
 * @retval BLOBFERRY_OK          the counts were written
 * @retval BLOBFERRY_E_ARGUMENT  `counts_out` was NULL or its `struct_size` unknown
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_service_usage
 */
BLOBFERRY_API blobferry_status_t blobferry_live_counts(blobferry_live_counts_t *counts_out);

#endif /* BLOBFERRY_BASE_H */
