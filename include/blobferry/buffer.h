/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_BUFFER_H
#define BLOBFERRY_BUFFER_H

#include "base.h"

/*
 * Bytes in memory of the library, for a caller who could not know how many there
 * would be. A completion carries a buffer when its verb brings one
 * (blobferry_object_get_buffer, blobferry_object_sign) and it succeeded. It is owned
 * by whoever takes the completion, refers to nothing else and may outlive its
 * service. It is written no more, and counts in no budget of the service: to bound
 * it is `max_size` of the request. Every accessor takes NULL.
 */
typedef struct blobferry_buffer blobferry_buffer_t;

/**
 * Give the bytes of a buffer.
 *
 * A NUL byte stands behind the last one, so that a text can be used as it is.
 *
 * @param buffer  borrowed; NULL is NULL
 *
 * @return a view (valid until blobferry_buffer_free), never NULL of a buffer
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_buffer_size, blobferry_object_get_buffer
 */
BLOBFERRY_API const uint8_t *blobferry_buffer_data(const blobferry_buffer_t *buffer);

/**
 * Tell the size of a buffer.
 *
 * @param buffer  borrowed; NULL is 0
 *
 * @return bytes, without the NUL byte behind them
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_buffer_data
 */
BLOBFERRY_API size_t blobferry_buffer_size(const blobferry_buffer_t *buffer);

/**
 * Release a buffer.
 *
 * Views of it end here.
 *
 * @param buffer  given; NULL does nothing
 *
 * Threads: any; once.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_buffer_data
 */
BLOBFERRY_API void blobferry_buffer_free(blobferry_buffer_t *buffer);

#endif /* BLOBFERRY_BUFFER_H */
