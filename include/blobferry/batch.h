/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_BATCH_H
#define BLOBFERRY_BATCH_H

#include "cq.h"
#include "folder.h"
#include "list.h"
#include "object.h"
#include "reader.h"
#include "report.h"
#include "writer.h"

/*
 * Many requests with one call. Each element of an array is one request of any
 * verb, and is accepted or refused on its own, in order, exactly as the verb's own
 * function would: with the same checks, texts, limits, completions. What is saved is
 * the way in: one call instead of many, and each thread of the library is woken
 * once for all that it gets. That counts where requests are small and many.
 *
 *   blobferry_request_t requests[64] = {0};
 *   for (i = 0; i < 64; i++) {
 *     requests[i].verb = BLOBFERRY_VERB_GET;
 *     requests[i].handle = store;
 *     requests[i].key = keys[i];
 *     requests[i].buffer = buffers[i];
 *     requests[i].buffer_size = sizes[i];
 *     requests[i].user_data = i;
 *   }
 *   blobferry_cq_submit(cq, requests, 64, &accepted, &error);
 *   for (i = 0; accepted < 64 && i < 64; i++)
 *     if (requests[i].status != BLOBFERRY_OK) { look at, then free, requests[i].error; }
 *
 * Which fields a verb uses besides `user_data`, and what they are called in its
 * own function, which describes them. `key` and `to` are the texts of that function,
 * in its order. A field that is not in the verb's row must be 0 or NULL; else the
 * request is BLOBFERRY_E_ARGUMENT. The messages of errors use the names of the
 * function.
 *
 *   verb             function                          fields
 *
 *   GET              blobferry_object_get              handle = store, key, buffer, buffer_size, options
 *   GET_BUFFER       blobferry_object_get_buffer       handle = store, key, options
 *   GET_RANGES       blobferry_object_get_ranges       handle = store, key, items = ranges, item_count = range_count,
 *                                                      buffer = buffers, buffer_size = buffer_count, options
 *   HEAD             blobferry_object_head             handle = store, key, options
 *   EXISTS           blobferry_object_exists           handle = store, key, options
 *   PUT              blobferry_object_put              handle = store, key, buffer, buffer_size, options
 *   PUT_SLICES       blobferry_object_put_slices       handle = store, key, items = slices, item_count = slice_count,
 *                                                      options
 *   DELETE           blobferry_object_delete           handle = store, key, options
 *   DELETE_MANY      blobferry_object_delete_many      handle = store, items = keys, item_count = key_count, options,
 *                                                      report
 *   COPY             blobferry_object_copy             handle = store, key = from, to, options
 *   RENAME           blobferry_object_rename           handle = store, key = from, to, options
 *   SIGN             blobferry_object_sign             handle = store, key, options
 *   LIST_NEXT        blobferry_list_next               handle = list, options
 *   READER_READ      blobferry_reader_read             handle = reader, buffer, buffer_size, options
 *   WRITER_WRITE     blobferry_writer_write            handle = writer, buffer, buffer_size, options
 *   WRITER_FLUSH     blobferry_writer_flush            handle = writer, options
 *   WRITER_FINISH    blobferry_writer_finish           handle = writer, options
 *   WRITER_ABORT     blobferry_writer_abort            handle = writer, options
 *   FOLDER_UPLOAD    blobferry_folder_upload           handle = store, key = path, to = prefix, options, report
 *   FOLDER_DOWNLOAD  blobferry_folder_download         handle = store, key = prefix, to = path, options, report
 *
 * A handle of another kind than the verb's cannot be told from a right one: that
 * is for the caller to see to.
 */

#define BLOBFERRY_VERB_GET 1u
#define BLOBFERRY_VERB_GET_BUFFER 2u
#define BLOBFERRY_VERB_GET_RANGES 3u
#define BLOBFERRY_VERB_HEAD 4u
#define BLOBFERRY_VERB_EXISTS 5u
#define BLOBFERRY_VERB_PUT 6u
#define BLOBFERRY_VERB_PUT_SLICES 7u
#define BLOBFERRY_VERB_DELETE 8u
#define BLOBFERRY_VERB_DELETE_MANY 9u
#define BLOBFERRY_VERB_COPY 10u
#define BLOBFERRY_VERB_RENAME 11u
#define BLOBFERRY_VERB_SIGN 12u
#define BLOBFERRY_VERB_LIST_NEXT 13u
#define BLOBFERRY_VERB_READER_READ 14u
#define BLOBFERRY_VERB_WRITER_WRITE 15u
#define BLOBFERRY_VERB_WRITER_FLUSH 16u
#define BLOBFERRY_VERB_WRITER_FINISH 17u
#define BLOBFERRY_VERB_WRITER_ABORT 18u
#define BLOBFERRY_VERB_FOLDER_UPLOAD 19u
#define BLOBFERRY_VERB_FOLDER_DOWNLOAD 20u

/* One request. 128 bytes for ever. Begin with all bytes 0. */
typedef struct blobferry_request {
  uint32_t            verb;            /* BLOBFERRY_VERB_…; 0 is none */
  uint32_t            flags;           /* must be 0 */
  const void         *handle;          /* borrowed: what the verb acts on */
  const char         *key;             /* borrowed: the first text */
  const char         *to;              /* borrowed: the second text */
  void               *buffer;          /* lent until the completion; of GET_RANGES a borrowed array */
  size_t              buffer_size;     /* bytes; of GET_RANGES elements */
  const void         *items;           /* borrowed: an array; what its slices point to is lent */
  size_t              item_count;      /* elements of `items` */
  const void         *options;         /* borrowed: the verb's option struct; NULL = its defaults */
  blobferry_report_t *report;          /* borrowed: the request holds its own reference */
  uint64_t            user_data;       /* returned in the completion */
  blobferry_ticket_t  ticket;          /* receives the ticket; 0 if the request is refused */
  blobferry_status_t  status;          /* receives BLOBFERRY_OK, or why the request is refused */
  uint32_t            reserved_status; /* must be 0 */
  blobferry_error_t  *error;           /* receives an owned error if the request is refused; else NULL */
  uint64_t            reserved[2];     /* must be 0 */
} blobferry_request_t;

/**
 * Submit many requests, each of which is accepted or refused on its own.
 *
 * If this call returns BLOBFERRY_OK, each element's `ticket`, `status` and `error`
 * have been written, whatever was in them before. BLOBFERRY_OK in its `status` says
 * that exactly one completion of it reaches `cq`, and anything else that none does and
 * that nothing of it was lent; the statuses are those of the verb's own function. A
 * refused element stops none that follow: once the queue has no credit, elements are
 * BLOBFERRY_E_BUSY until one comes free; on a closed queue all of them are
 * BLOBFERRY_E_CLOSED. Error objects are made for each refused element: release them
 * with blobferry_error_free.
 *
 * The requests run at once, as if they had been submitted one after the other:
 * which of them ends first is open. Their deadlines count from this call. A
 * completion can be taken by another thread before this call has returned; its
 * element has been written by then.
 *
 * If the call returns anything else, no element was looked at, or written.
 *
 * @param cq            borrowed; receives the completions; must be of the service of all handles
 * @param requests      borrowed; each element receives its ticket, status and error
 * @param count         elements in `requests`, which may be NULL if it is 0
 * @param accepted_out  receives the number of accepted elements; may be NULL
 * @param error_out     receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          every element has its status
 * @retval BLOBFERRY_E_ARGUMENT  `cq` is NULL, or `requests` is NULL and `count` is not 0
 * @retval BLOBFERRY_E_FORKED    the queue belongs to the parent process
 *
 * Threads: any, concurrently, but each array by one call at a time.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_object_get, blobferry_cq_cancel, blobferry_error_free
 */
BLOBFERRY_API blobferry_status_t blobferry_cq_submit(blobferry_cq_t *cq, blobferry_request_t *requests, size_t count,
                                                     size_t *accepted_out, blobferry_error_t **error_out);

#endif /* BLOBFERRY_BATCH_H */
