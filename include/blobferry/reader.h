/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_READER_H
#define BLOBFERRY_READER_H

#include "compression.h"
#include "cq.h"
#include "object_get.h"
#include "store.h"

/*
 * A reader gives the bytes of an object one piece after the other, as a file does:
 *
 *   blobferry_reader_new(store, "data.csv.gz", &options, &reader, &error);
 *   while (blobferry_reader_read(reader, cq, buffer, sizeof buffer, NULL, 0, NULL, &error) == BLOBFERRY_OK) {
 *     blobferry_cq_wait(cq, &completion, 1, -1, &count, &error);
 *     if (completion.status != BLOBFERRY_OK) { look at, then free, completion.error; break; }
 *     if (completion.result == 0) break;
 *     use completion.result bytes of the buffer;
 *   }
 *   blobferry_reader_free(reader);
 *
 * From the first read on it fetches ahead of its caller: parts of the object, in
 * order, `max_in_flight` of them at once, up to `max_prefetch` bytes; between reads
 * too. A part that fails is tried again like a request (store.h, ATTEMPTS).
 *
 * STATE. All bytes are of one state of the object, the one that the first answer
 * told. Where the object has changed since, a read that has to fetch more of it
 * ends with BLOBFERRY_E_CHANGED, and so does every one after it: make a new reader.
 * (memory and file, and gs where the bucket keeps versions: the reader has that
 * state and reads on, whatever is put or deleted; a file that is written to in its
 * place has changed.)
 *
 * STREAMS. A server that sends the whole object whatever range is asked for, or does
 * not tell how long it is, gives one stream; it is read no faster than its caller
 * takes it. Of a caller who takes nothing for 30 seconds the connection is given up, and
 * the object asked for again by what is read next. If the server tells neither ETag
 * nor Last-Modified, the reader cannot read on from another place or after a broken
 * connection (BLOBFERRY_E_CHANGED), but begin again, by a seek to 0; and it keeps its
 * connection, of which a store has `max_connections`, until it is at the end, or
 * freed.
 *
 * MEMORY. A reader holds `max_prefetch` bytes at most, and while a read is under
 * way one part more. Decoding adds 4 MiB, and for zstd the window that the object
 * asks for. None of it counts among the bytes in flight of the service. A reader of
 * file:// holds one open file.
 *
 * DECODING. With `compression` the bytes given are decoded; `offset` and `length`
 * are of the bytes as they are stored. What is not so compressed, breaks off or has
 * a wrong checksum is BLOBFERRY_E_INTEGRITY, and the message says at which byte of
 * the object. Nothing else grows with what a few bytes may decode to.
 *
 * THREADS. A reader is used by one thread at a time, and one request of it at a
 * time: a call while another call or a request of it is under way is refused with
 * BLOBFERRY_E_ARGUMENT.
 */
typedef struct blobferry_reader blobferry_reader_t;

typedef struct blobferry_reader_options {
  size_t      struct_size;   /* sizeof(blobferry_reader_options_t) */
  uint64_t    offset;        /* first byte of the object that is read: position 0 */
  uint64_t    length;        /* bytes that are read; BLOBFERRY_LENGTH_TO_END = all that follow */
  uint64_t    part_size;     /* bytes of one part, at most `max_prefetch` and 1 GiB; 0 = the store's setting */
  uint64_t    max_prefetch;  /* bytes held; 0 = 4 parts */
  uint32_t    max_in_flight; /* parts fetched at once, at most 256; 0 = the store's setting */
  uint32_t    compression;   /* BLOBFERRY_COMPRESSION_… */
  const char *if_match;      /* a revision; the first read ends with BLOBFERRY_E_PRECONDITION at another; NULL = any */
  const char *version;       /* a version of the object, as blobferry_details_version; NULL = the current one */
  uint32_t    flags;         /* must be 0 */
  uint32_t    reserved;      /* must be 0 */
} blobferry_reader_options_t;

/* clang-format off */
#define BLOBFERRY_READER_OPTIONS_INIT { sizeof(blobferry_reader_options_t), 0, BLOBFERRY_LENGTH_TO_END, 0, 0, 0, BLOBFERRY_COMPRESSION_NONE, NULL, NULL, 0, 0 }
/* clang-format on */

typedef struct blobferry_read_options {
  size_t   struct_size; /* sizeof(blobferry_read_options_t) */
  uint64_t timeout_ms;  /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t flags;       /* must be 0 */
  uint32_t reserved;    /* must be 0 */
} blobferry_read_options_t;

/* clang-format off */
#define BLOBFERRY_READ_OPTIONS_INIT { sizeof(blobferry_read_options_t), 0, 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_READER_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_reader_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_reader_new
 */
BLOBFERRY_API void blobferry_reader_options_init(blobferry_reader_options_t *options, size_t struct_size);

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_READ_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_read_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_reader_read
 */
BLOBFERRY_API void blobferry_read_options_init(blobferry_read_options_t *options, size_t struct_size);

/**
 * Make a reader of an object, at position 0; nothing is read yet.
 *
 * @param store       borrowed; the reader holds its own reference
 * @param key         borrowed; UTF-8, NUL-terminated, relative to the store
 * @param options     borrowed; NULL = BLOBFERRY_READER_OPTIONS_INIT
 * @param reader_out  receives an owned reader: release it with blobferry_reader_free
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the reader is there
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, the key is not one, or an option is unknown
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 * @retval BLOBFERRY_E_UNSUPPORTED  the store cannot get a range or a version: see its capabilities
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_reader_read, blobferry_reader_free
 */
BLOBFERRY_API blobferry_status_t blobferry_reader_new(const blobferry_store_t *store, const char *key,
                                                      const blobferry_reader_options_t *options,
                                                      blobferry_reader_t **reader_out, blobferry_error_t **error_out);

/**
 * Read the bytes that follow, into memory the caller lends.
 *
 * Queues one request. It fills the buffer, unless the end comes first; the
 * completion's `result` is the number of bytes, 0 at the end (and where the buffer
 * has none). The position moves by it. A read that fails, is cancelled or comes to
 * its deadline leaves the position where it was: what had come is not lost, the
 * next read gives it. The content of `buffer` is then undefined; beyond
 * `buffer_size` nothing is ever written. Further statuses: BLOBFERRY_E_NOT_FOUND,
 * BLOBFERRY_E_RANGE (`offset` is at or behind the end of the object, and not 0),
 * BLOBFERRY_E_PRECONDITION, BLOBFERRY_E_CHANGED, BLOBFERRY_E_INTEGRITY,
 * BLOBFERRY_E_NO_SPACE (there is no memory for a part), BLOBFERRY_E_UNSUPPORTED
 * (file: neither a file nor a folder).
 *
 * @param reader       borrowed; the request holds its own reference
 * @param cq           borrowed; receives the completion; must be of the store's service
 * @param buffer       lent until the completion; may be NULL if buffer_size is 0
 * @param buffer_size  bytes
 * @param options      borrowed; NULL = BLOBFERRY_READ_OPTIONS_INIT
 * @param user_data    returned in the completion; an integer, never dereferenced
 * @param ticket_out   receives the ticket; may be NULL
 * @param error_out    receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, an option is unknown, or the reader is in use
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the reader belongs to the parent process
 *
 * Threads: one at a time per reader.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_reader_seek, blobferry_cq_wait
 */
BLOBFERRY_API blobferry_status_t blobferry_reader_read(blobferry_reader_t *reader, blobferry_cq_t *cq, uint8_t *buffer,
                                                       size_t buffer_size, const blobferry_read_options_t *options,
                                                       uint64_t user_data, blobferry_ticket_t *ticket_out,
                                                       blobferry_error_t **error_out);

/**
 * Set the position that the next read begins at.
 *
 * It may be any; at and behind the end a read gives 0 bytes. Nothing is asked of
 * the server before the next read, which keeps what was fetched and can be used,
 * throws the rest away and begins to fetch anew where it has to. Where a stream or
 * an encoding can be read in order alone, it reads over what lies between, or
 * begins again.
 *
 * @param reader     borrowed
 * @param position   bytes; of the decoded ones where the reader decodes
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the next read begins there
 * @retval BLOBFERRY_E_ARGUMENT  `reader` was NULL, or is in use
 * @retval BLOBFERRY_E_FORKED    the reader belongs to the parent process
 *
 * Threads: one at a time per reader.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_reader_position, blobferry_reader_read
 */
BLOBFERRY_API blobferry_status_t blobferry_reader_seek(blobferry_reader_t *reader, uint64_t position,
                                                       blobferry_error_t **error_out);

/**
 * Tell the position that the next read begins at.
 *
 * While a read is under way it is where that one began.
 *
 * @param reader  borrowed; NULL is at 0
 *
 * @return bytes; in a forked child 0
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_reader_seek
 */
BLOBFERRY_API uint64_t blobferry_reader_position(const blobferry_reader_t *reader);

/**
 * Tell how many bytes there are to be read, from position 0 to the end.
 *
 * It is known from the first read on that has ended well.
 *
 * @param reader     borrowed
 * @param size_out   receives the size in bytes
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             `*size_out` was written
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, the reader is in use, or no read has ended well yet
 * @retval BLOBFERRY_E_FORKED       the reader belongs to the parent process
 * @retval BLOBFERRY_E_UNSUPPORTED  the reader decodes; or the server does not tell, and the end was not read yet
 *
 * Threads: one at a time per reader.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_reader_read
 */
BLOBFERRY_API blobferry_status_t blobferry_reader_size(const blobferry_reader_t *reader, uint64_t *size_out,
                                                       blobferry_error_t **error_out);

/**
 * Free a reader.
 *
 * What it was fetching ahead ends at once. A read under way is not cancelled by
 * this; its completion still comes.
 *
 * @param reader  given; NULL does nothing
 *
 * Threads: any; once per reader.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_reader_new
 */
BLOBFERRY_API void blobferry_reader_free(blobferry_reader_t *reader);

#endif /* BLOBFERRY_READER_H */
