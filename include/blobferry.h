/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_H
#define BLOBFERRY_H

/*
 * Blobferry carries blobs between object stores and memory that you own.
 *
 * This is the whole interface. Each file under blobferry/ is one noun:
 *
 *   base.h      statuses, versions, key-value pairs, live counts
 *   error.h     what went wrong, as a value with fields
 *   service.h   the threads and the limits that requests share
 *   cq.h        the completion queue: how you learn that a request has finished
 *   details.h   what is known of an object: size, revision, metadata
 *   store.h     a bucket, a folder or a name in memory; what each store can do
 *   object.h    get, put, head and delete one object
 *   list.h      the keys of a store, a page at a time
 *   folder.h    all files of a folder to a store, and back
 *   report.h    what becomes of the objects of one request of many
 *   batch.h     many requests with one call
 *
 * THE LIFE OF A REQUEST
 *
 * 1. You make a service, a completion queue in it, and open a store by its URL.
 * 2. You submit a request: blobferry_object_get, _put, _head, _delete or
 *    blobferry_list_next, to name some; many at once with blobferry_cq_submit.
 *    The call never blocks and never performs I/O. It returns BLOBFERRY_OK: the
 *    request is accepted and exactly one completion will follow, whatever happens
 *    (success, failure, cancel, deadline, panic, close). Or it returns an error:
 *    then nothing was lent, and none follows.
 * 3. You take completions from the queue, with blobferry_cq_wait,
 *    blobferry_cq_drain or a callback. A completion names its request twice: by
 *    the ticket that the submit call gave and by the `user_data` that it took.
 * 4. The completion is the return of your memory. From the moment you have it,
 *    nothing in the library reads or writes the buffer of that request.
 *
 * OWNERSHIP WORDS: the first word of each parameter's description.
 *
 *   borrowed    used during the call only
 *   lent        used by the library until the completion; keep it alive and in
 *               place, do not change what is being put, do not look at what is
 *               being got
 *   given       the library owns it from now on, whether the call succeeds or not;
 *               Arrow structs only if it succeeds (table.h)
 *   receives    the call writes here; "an owned X" is yours to release with the
 *               function named, exactly once; "a view" is valid until the event
 *               named. Outputs other than `error_out` are written only on success
 *   returned    opaque to the library; handed back as it came
 *   (a unit)    a plain value
 *
 * WHAT HOLDS FOR EVERY FUNCTION
 *
 * - Handles may be used from any thread at once unless `Threads:` says less. A
 *   handle must not be used during or after the call that frees it.
 * - Every pointer is checked for NULL, every text for UTF-8, every option struct
 *   for its size and flags; what is wrong is BLOBFERRY_E_ARGUMENT and changes
 *   nothing. Freeing NULL does nothing.
 * - A panic inside the library is a bug of ours. It becomes BLOBFERRY_E_PANIC on
 *   that call or that request only; everything else goes on. (Its place is also
 *   printed to stderr, by the language that the library is written in.)
 * - In a child made by fork() every call that returns a status and takes a
 *   service, queue, store, list, reader or writer of the parent returns BLOBFERRY_E_FORKED, and
 *   freeing such a handle does nothing: the threads that serve it live in the
 *   parent only. Errors and details work as ever. A service made in the child is
 *   its own.
 * - `error_out` may always be NULL. Where it is not, it receives NULL on success
 *   and an owned error on failure: release it with blobferry_error_free.
 * - Texts in and out are UTF-8 and end with a NUL byte.
 * - Option structs begin with `struct_size`. Start from the _INIT macro or the
 *   _options_init function, then set what you need; NULL means all defaults. They
 *   grow at their ends: the library takes those of older versions, and those of newer
 *   ones whose new fields are 0, and the _options_init functions fill all of them.
 *   `timeout_ms` counts from the submit call to the completion; 0 means none.
 *
 * The library installs no signal handler and no panic hook, sets no environment
 * variable and writes no log. Its threads are named blobferry-*, and all
 * asynchronous signals and SIGPIPE are blocked in them.
 */

#include "blobferry/base.h"
#include "blobferry/error.h"
#include "blobferry/service.h"
#include "blobferry/details.h"
#include "blobferry/buffer.h"
#include "blobferry/cq.h"
#include "blobferry/store.h"
#include "blobferry/object.h"
#include "blobferry/list.h"
#include "blobferry/compression.h"
#include "blobferry/reader.h"
#include "blobferry/writer.h"
#include "blobferry/report.h"
#include "blobferry/folder.h"
#include "blobferry/batch.h"
#include "blobferry/arrow.h"
#include "blobferry/table.h"
#include "blobferry/aggregate.h"
#include "blobferry/format.h"
#include "blobferry/table_write.h"
#include "blobferry/table_reader.h"

#endif /* BLOBFERRY_H */
