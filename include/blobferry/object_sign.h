/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_OBJECT_SIGN_H
#define BLOBFERRY_OBJECT_SIGN_H

#include "cq.h"
#include "store.h"

/* The URL is for a GET: whoever has it reads the object. */
#define BLOBFERRY_SIGN_GET 0u
/* For a PUT: whoever has it writes the object. az wants the header `x-ms-blob-type: BlockBlob` with it. */
#define BLOBFERRY_SIGN_PUT 1u
/* For a HEAD. On az it is good for a GET, too. */
#define BLOBFERRY_SIGN_HEAD 2u
/* For a DELETE. */
#define BLOBFERRY_SIGN_DELETE 3u

/* Seconds that a signed URL is good for at most: a week. */
#define BLOBFERRY_SIGN_MAX_EXPIRES_S 604800u

typedef struct blobferry_sign_options {
  size_t   struct_size; /* sizeof(blobferry_sign_options_t) */
  uint64_t timeout_ms;  /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t method;      /* BLOBFERRY_SIGN_… */
  uint32_t expires_s;   /* seconds that the URL is good for, from now on; 0 = 3600; at most BLOBFERRY_SIGN_MAX_EXPIRES_S */
  uint32_t flags;       /* must be 0 */
  uint32_t reserved;    /* must be 0 */
} blobferry_sign_options_t;

/* clang-format off */
#define BLOBFERRY_SIGN_OPTIONS_INIT { sizeof(blobferry_sign_options_t), 0, BLOBFERRY_SIGN_GET, 0, 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_SIGN_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_sign_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_sign
 */
BLOBFERRY_API void blobferry_sign_options_init(blobferry_sign_options_t *options, size_t struct_size);

/**
 * Make a URL that lets whoever has it do one thing to one object, for a time.
 *
 * The URL comes with the completion, as its `buffer`, which the caller releases: UTF-8,
 * with a NUL byte behind it; `result` is its size without that byte. It is a secret, as
 * the credentials are that it is made of, and ends with them if they end before it.
 * Nothing says whether the object is there. s3 and gs sign here, with the keys that
 * the store has; a server is asked only for those that have to be fetched, by az for a
 * key to sign with where the store has a token, and by gs for the signature itself
 * where the machine has an account and no key of it.
 *
 * A store whose credentials cannot sign lacks BLOBFERRY_CAN_SIGN: anonymous ones; az: a
 * sas_key, and any with an encryption_key; gs: a bearer_token.
 *
 * @param store       borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param key         borrowed; UTF-8, NUL-terminated, relative to the store
 * @param options     borrowed; NULL = BLOBFERRY_SIGN_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the request is queued
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, the key is not one, or an option is unknown or too large
 * @retval BLOBFERRY_E_UNSUPPORTED  the store cannot sign: see its capabilities
 * @retval BLOBFERRY_E_BUSY         the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED       the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_buffer_data, blobferry_store_capabilities
 */
BLOBFERRY_API blobferry_status_t blobferry_object_sign(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                       const char *key, const blobferry_sign_options_t *options,
                                                       uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                       blobferry_error_t **error_out);

#endif /* BLOBFERRY_OBJECT_SIGN_H */
