/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_FOLDER_H
#define BLOBFERRY_FOLDER_H

#include "cq.h"
#include "report.h"
#include "store.h"

/*
 * All files below a folder of this machine to objects of a store, and back.
 *
 * A file's key is `prefix` and the file's path below the folder, with `/` between
 * its segments. The prefix is taken as it is written: with "a/" the file `b` is
 * the object `a/b`, with "a" it is `ab`, with "" it is `b`.
 *
 * Up to `max_in_flight` objects are moved at once. An object larger than
 * `part_size` is moved in parts, `max_in_flight` of the store at a time, and never
 * held in memory whole; but memory:// holds what it is given, and to plain HTTP,
 * which takes an object in one request, a file is read whole. What is held is
 * counted by the service's max_bytes_in_flight. Of the listing one page is held at
 * a time, so that any number of objects will do.
 *
 * An object that was begun is moved whole or not at all: a file appears with all
 * its content, or what was there before stays; a failed or cancelled upload leaves
 * nothing, as with blobferry_object_put. Files are not made lasting (fsync), and
 * get no times, owners or permissions but those that a new file has; objects get
 * no content type and no metadata.
 *
 * The objects are tried one by one: what fails does not keep the others from
 * being moved, unless BLOBFERRY_FOLDER_STOP_ON_ERROR is set. The completion's
 * `result` is the number of objects that were moved or were the same already, also
 * where it failed. Its status is BLOBFERRY_OK only if that is every one; else its
 * error is that of the first object that failed, in their order, and the message
 * tells how many of how many failed. A listing that fails ends the request with its
 * own error, once what was under way is done. `report` (report.h) has the outcome
 * of each object, in the order of the listing.
 *
 * Cancelled, past its deadline, or stopped at a failure, a request ends at once.
 * Objects that were under way then have the outcome BLOBFERRY_E_CANCELLED or
 * BLOBFERRY_E_DEADLINE (with BLOBFERRY_OUTCOME_MAYBE_COMMITTED where they may have been
 * moved all the same), and those that were not begun have none. The completion of
 * a cancelled or late request has the flag BLOBFERRY_COMPLETION_MAYBE_COMMITTED if any
 * object was moved, or may have been.
 *
 * WHAT IS NO FILE, AND WHAT IS NO PATH
 *
 * An upload moves regular files, and follows symbolic links to files and folders
 * that are below the folder themselves. Anything else has an outcome of its own
 * and is not touched: FIFOs, devices and sockets (BLOBFERRY_E_UNSUPPORTED), links
 * that lead out of the folder (BLOBFERRY_E_PERMISSION), nowhere
 * (BLOBFERRY_E_NOT_FOUND) or back up (BLOBFERRY_E_UNSUPPORTED), folders that may
 * not be read (BLOBFERRY_E_PERMISSION), and names that make no key of this store:
 * not UTF-8, or with control characters in them, on a network
 * (BLOBFERRY_E_ARGUMENT). Empty folders are not objects.
 *
 * A download writes nothing outside the folder, whatever the keys are and whatever
 * links there are in it: a link is never followed out of it (BLOBFERRY_E_PERMISSION),
 * and one that stands where a file is to be is replaced by the file. A key whose
 * rest behind the prefix is no path of a file has the outcome
 * BLOBFERRY_E_ARGUMENT: empty, with empty segments (so also one that begins with
 * `/`), with `.` or `..`, with a NUL, not UTF-8, with a segment of more than 255
 * bytes or one that begins with `.blobferry-`. An object in whose place a folder
 * is, and one below another object (`a` and `a/b`), cannot be both: whichever comes
 * later has the outcome BLOBFERRY_E_UNSUPPORTED. An object of no bytes whose key
 * ends with `/`, as some tools mark a folder, is passed over without an outcome.
 * Files that have no object stay as they are.
 *
 * Names that begin with `.blobferry-` are the library's own, in every folder: they
 * are never uploaded.
 *
 * SKIP SAME
 *
 * With BLOBFERRY_FOLDER_SKIP_SAME an object is not moved, in either direction, if
 * file and object are what the last such transfer between them left: the file has
 * the same size and time, and the object the same size and revision. What was left
 * is kept in the file `.blobferry-manifest` of the folder, for one store and one
 * prefix; that of another store, and one that is damaged, is as none, and is
 * replaced. It is written when the request ends, however it ends (after a cancel or
 * deadline behind the completion: blobferry_service_drain waits for it). Where it
 * cannot be written, everything is moved again next time; so is what does not fit
 * into its 64 MiB, of which an object takes the length of its key and some 60
 * bytes. A copy of it is held in memory meanwhile, some three times as large.
 *
 * One listing tells the revisions. Where a listing has none (some HTTP servers), it
 * is the time of the object that must be the same in a download, and an upload
 * moves everything. What somebody rewrites to the same size within one tick of the
 * clock (of the file system, or of a server whose times have seconds) is not noticed.
 */

/* Do not move what is the same on both sides as the last transfer left it. */
#define BLOBFERRY_FOLDER_SKIP_SAME 1u
/* End at the first object that fails. */
#define BLOBFERRY_FOLDER_STOP_ON_ERROR 2u

typedef struct blobferry_folder_options {
  size_t   struct_size;   /* sizeof(blobferry_folder_options_t) */
  uint64_t timeout_ms;    /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint64_t part_size;     /* bytes of one part of a large object; 0 = the store's setting */
  uint32_t max_in_flight; /* objects moved at once, at most 256; 0 = 16 */
  uint32_t flags;         /* BLOBFERRY_FOLDER_… or 0 */
} blobferry_folder_options_t;

/* clang-format off */
#define BLOBFERRY_FOLDER_OPTIONS_INIT { sizeof(blobferry_folder_options_t), 0, 0, 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_FOLDER_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_folder_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_folder_upload
 */
BLOBFERRY_API void blobferry_folder_options_init(blobferry_folder_options_t *options, size_t struct_size);

/**
 * Write every file below a folder to an object.
 *
 * Objects that are there already are overwritten; those that have no file stay.
 * The completion's `result` is the number of objects written or skipped. Statuses
 * of its own: BLOBFERRY_E_NOT_FOUND and BLOBFERRY_E_ARGUMENT (`path` is not there,
 * or no folder), BLOBFERRY_E_PERMISSION (it may not be read); the others are those
 * of blobferry_object_put, and of blobferry_list_next.
 *
 * @param store       borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param path        borrowed; UTF-8, NUL-terminated; the folder, absolute or from the working directory on
 * @param prefix      borrowed; UTF-8, NUL-terminated; what all keys begin with; NULL or "" = nothing
 * @param options     borrowed; NULL = BLOBFERRY_FOLDER_OPTIONS_INIT
 * @param report      borrowed; a report that no request has used; the request holds its own reference; may be NULL
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, `path` is empty, `prefix` can begin no key, `report` was
 *                               used by another request, or an option is unknown
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_folder_download, blobferry_report_new
 */
BLOBFERRY_API blobferry_status_t blobferry_folder_upload(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                         const char *path, const char *prefix,
                                                         const blobferry_folder_options_t *options,
                                                         blobferry_report_t *report, uint64_t user_data,
                                                         blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

/**
 * Write every object whose key begins with a prefix to a file.
 *
 * The folder, and those in it, are made where they are missing; files that are
 * there already are replaced. The completion's `result` is the number of objects
 * written or skipped. Statuses of its own: BLOBFERRY_E_ARGUMENT (`path` is no
 * folder), BLOBFERRY_E_PERMISSION (it may not be made or entered),
 * BLOBFERRY_E_NO_SPACE; the others are those of blobferry_object_get, and of
 * blobferry_list_next.
 *
 * @param store       borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param prefix      borrowed; UTF-8, NUL-terminated; what the keys wanted begin with; NULL or "" = all
 * @param path        borrowed; UTF-8, NUL-terminated; the folder, absolute or from the working directory on
 * @param options     borrowed; NULL = BLOBFERRY_FOLDER_OPTIONS_INIT
 * @param report      borrowed; a report that no request has used; the request holds its own reference; may be NULL
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, `path` is empty, `report` was used by another request,
 *                               or an option is unknown
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the store belongs to the parent process
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_folder_upload, blobferry_report_new
 */
BLOBFERRY_API blobferry_status_t blobferry_folder_download(const blobferry_store_t *store, blobferry_cq_t *cq,
                                                           const char *prefix, const char *path,
                                                           const blobferry_folder_options_t *options,
                                                           blobferry_report_t *report, uint64_t user_data,
                                                           blobferry_ticket_t *ticket_out,
                                                           blobferry_error_t **error_out);

#endif /* BLOBFERRY_FOLDER_H */
