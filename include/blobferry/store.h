/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_STORE_H
#define BLOBFERRY_STORE_H

#include "service.h"

/*
 * A store is where objects are: a folder or a name in memory. It is opened by a
 * URL and string options; an option that no store knows is refused with the
 * nearest one that is known.
 *
 *   memory://NAME          Objects in the memory of this process. Two opens of one
 *                          name in one service meet; they live as long as the
 *                          service or a store opened on them.
 *   file:///ABSOLUTE/PATH  Files of a folder, which is the root of the store; the
 *                          key `a/b` is the file b in the folder a. Percent
 *                          escapes in the URL are decoded.
 *
 * A URL is taken as it is written: what would have to be changed in it (a `.` or
 * `..` segment, a backslash, a control character, a blank at an end) is refused. A
 * NAME has no blank and none of `/?#@:%[]`.
 *
 *   option           default  stores  meaning
 *   part_size        8MiB     all     bytes of one parallel part of a large get
 *   max_in_flight    4        all     parts of one get moved at once, at most 256
 *   create           false    file    make the root folder where it is missing
 *   fsync            false    file    a put ends after its bytes and its name are on the disk
 *   follow_symlinks  false    file    symbolic links may lead out of the root
 *
 * Sizes are bytes, or a number with KiB, MiB or GiB; truths are true and false.
 *
 * KEYS are the bytes that you write: UTF-8, 1 to 4095 bytes, segments divided by
 * `/`. A segment is not empty, `.` or `..` (so no `//`, no `/` at either end):
 * such a key is BLOBFERRY_E_ARGUMENT at submit and never another key. file://
 * refuses, besides, a segment over 255 bytes and names that begin with
 * `.blobferry-`, which it keeps for files not yet finished.
 *
 * FILES. A put is written to a file without a name and appears whole or not at
 * all; an error or a cancel leaves nothing behind, and neither does a kill while
 * the bytes are written. A kill between the last two steps, naming and replacing,
 * can leave empty folders and one file `.blobferry-…`, which is never listed and
 * which the next listing that reads its folder removes; so it is, from the
 * beginning, on a file system that has no nameless files. A key that is a folder is
 * not an object: get and head say BLOBFERRY_E_NOT_FOUND. A folder cannot hold
 * both `a` and `a/b`: the put that would need it is BLOBFERRY_E_UNSUPPORTED.
 * Symbolic links are followed as long as they stay under the root; one that
 * leads out, as every absolute link does, is BLOBFERRY_E_PERMISSION and is not
 * listed. A put or delete of a key that is itself a
 * link replaces or removes the link. Deleting leaves the folders. To get and head
 * what is neither file nor folder (a FIFO, a device) is BLOBFERRY_E_UNSUPPORTED; a
 * put or delete replaces or removes it like a file.
 *
 * WHAT EACH STORE CAN DO. `no` is BLOBFERRY_E_UNSUPPORTED before any byte moves.
 *
 *   capability                             memory  file
 *   BLOBFERRY_CAN_GET_RANGE                yes     yes
 *   BLOBFERRY_CAN_PUT_CREATE               yes     yes
 *   BLOBFERRY_CAN_PUT_UPDATE               yes     no
 *   BLOBFERRY_CAN_CONTENT_TYPE             yes     no
 *   BLOBFERRY_CAN_METADATA                 yes     no
 *   BLOBFERRY_CAN_LIST_ANY_DELIMITER       yes     yes
 *   BLOBFERRY_CAN_LIST_START_AFTER         yes     yes
 *
 * get of the whole object, put that overwrites, head, delete and list are in
 * every store.
 */
typedef struct blobferry_store blobferry_store_t;

/* get: `offset` and `length` */
#define BLOBFERRY_CAN_GET_RANGE 1u
/* put: BLOBFERRY_PUT_CREATE */
#define BLOBFERRY_CAN_PUT_CREATE 2u
/* put: BLOBFERRY_PUT_UPDATE */
#define BLOBFERRY_CAN_PUT_UPDATE 4u
/* put: `content_type` */
#define BLOBFERRY_CAN_CONTENT_TYPE 8u
/* put: `metadata` */
#define BLOBFERRY_CAN_METADATA 16u
/* list: a `delimiter` other than "/" */
#define BLOBFERRY_CAN_LIST_ANY_DELIMITER 32u
/* list: `start_after` */
#define BLOBFERRY_CAN_LIST_START_AFTER 64u

/**
 * Open a store.
 *
 * Everything that is wrong with the URL and the options is said now. A store may
 * be used with every queue of its service.
 *
 * @param service       borrowed; the store holds its own reference
 * @param url           borrowed; UTF-8, NUL-terminated, as memory://name or file:///folder
 * @param options       borrowed; `option_count` pairs; may be NULL if that is 0
 * @param option_count  elements in `options`
 * @param store_out     receives an owned store: release it with blobferry_store_free
 * @param error_out     receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the store is open
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL; the URL is malformed or its scheme unknown; an option
 *                                  is unknown, given twice or has a bad value; file: the path is not a folder's
 * @retval BLOBFERRY_E_CLOSED       the service is closed
 * @retval BLOBFERRY_E_FORKED       the service belongs to the parent process
 * @retval BLOBFERRY_E_NOT_FOUND    file: there is no such folder, and `create` is not true
 * @retval BLOBFERRY_E_PERMISSION   file: the folder may not be opened or made
 * @retval BLOBFERRY_E_NO_SPACE     file: there was no room to make the folder
 * @retval BLOBFERRY_E_IO           file: the system failed to open the folder
 * @retval BLOBFERRY_E_UNSUPPORTED  the store is known and not in this build, or the system lacks what it needs
 *
 * Threads: any, concurrently.
 * Blocks:  memory: never. file: while the system opens one folder.
 * Since:   0.1
 * See:     blobferry_object_get, blobferry_store_free
 */
BLOBFERRY_API blobferry_status_t blobferry_store_open(blobferry_service_t *service, const char *url,
                                                      const blobferry_pair_t *options, size_t option_count,
                                                      blobferry_store_t **store_out, blobferry_error_t **error_out);

/**
 * Tell what a store can do, as a set of BLOBFERRY_CAN_ bits.
 *
 * @param store  borrowed; NULL is 0
 *
 * @return the bits of the table above
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_store_open
 */
BLOBFERRY_API uint64_t blobferry_store_capabilities(const blobferry_store_t *store);

/**
 * Free a store.
 *
 * Requests that were accepted with it go on: they hold their own reference.
 *
 * @param store  given; NULL does nothing
 *
 * Threads: any; once per store.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_store_open
 */
BLOBFERRY_API void blobferry_store_free(blobferry_store_t *store);

#endif /* BLOBFERRY_STORE_H */
