/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_LIST_H
#define BLOBFERRY_LIST_H

#include "cq.h"
#include "store.h"

/*
 * A list walks the keys of a store in order of their UTF-8 bytes, one page per
 * request:
 *
 *   blobferry_list_new(store, "logs/", NULL, &list, &error);
 *   while (blobferry_list_next(list, cq, NULL, 0, NULL, &error) == BLOBFERRY_OK) {
 *     blobferry_cq_wait(cq, &completion, 1, -1, &count, &error);
 *     if (completion.status != BLOBFERRY_OK) { look at, then free, completion.error; break; }
 *     entries = blobferry_list_entries(list, &count);
 *     use them; if (completion.flags & BLOBFERRY_COMPLETION_LAST_PAGE) break;
 *   }
 *   blobferry_list_free(list);
 *
 * With a delimiter, keys that share all up to and including the first delimiter
 * after the prefix are given once, as one entry with BLOBFERRY_ENTRY_PREFIX. The
 * text of the last entry, as `start_after` of a new list, continues there.
 *
 * The memory of a list is bounded, however many keys there are: one page of
 * entries and, on file://, up to 16 384 names of each folder on the way down; over
 * a network one page of the server, which has 16 MiB at most, and on http the names
 * of each folder on the way down: a folder whose description is longer cannot be
 * listed (BLOBFERRY_E_SERVER; some 40 000 names).
 *
 * On file:// the walk holds one open folder for each level that it is below the
 * root. What is no object is not listed: folders, special files, links that lead
 * nowhere, out of the root or back up. A folder that may not be read ends its page
 * with BLOBFERRY_E_PERMISSION, so that nothing is silently left out; `start_after`
 * (its name and a slash, then the highest character) gets past it.
 *
 * A list is no snapshot: keys written or deleted meanwhile may or may not be in
 * it; every other key is in it exactly once.
 */
typedef struct blobferry_list blobferry_list_t;

/* The entry stands for all keys that begin with `key`; it has no size, time or revision. */
#define BLOBFERRY_ENTRY_PREFIX 1u
/* The name is not UTF-8 or not a key of ours (`a//b`): it can be seen and not be got. */
#define BLOBFERRY_ENTRY_UNADDRESSABLE 2u

/* One key of a page. 64 bytes for ever. */
typedef struct blobferry_entry {
  const char *key;              /* NUL-terminated; UTF-8, and without a NUL inside, unless UNADDRESSABLE */
  size_t      key_size;         /* bytes, without the NUL */
  uint64_t    size;             /* bytes of the object */
  int64_t     last_modified_ns; /* nanoseconds since 1970-01-01 UTC, or BLOBFERRY_TIME_UNKNOWN */
  const char *revision;         /* as blobferry_details_revision; NULL where unknown */
  uint32_t    flags;            /* BLOBFERRY_ENTRY_… */
  uint32_t    reserved_flags;   /* 0 */
  uint64_t    reserved[2];      /* 0 */
} blobferry_entry_t;

typedef struct blobferry_list_options {
  size_t      struct_size; /* sizeof(blobferry_list_options_t) */
  const char *delimiter;   /* NULL or "" = none: every key below the prefix */
  const char *start_after; /* only entries whose text sorts after this; NULL or "" = all */
  uint32_t    page_size;   /* entries of one page; 0 = 1000; at most 10 000 */
  uint32_t    flags;       /* must be 0 */
} blobferry_list_options_t;

/* clang-format off */
#define BLOBFERRY_LIST_OPTIONS_INIT { sizeof(blobferry_list_options_t), NULL, NULL, 0, 0 }
/* clang-format on */

typedef struct blobferry_next_options {
  size_t   struct_size; /* sizeof(blobferry_next_options_t) */
  uint64_t timeout_ms;  /* milliseconds until BLOBFERRY_E_DEADLINE; 0 = none */
  uint32_t flags;       /* must be 0 */
  uint32_t reserved;    /* must be 0 */
} blobferry_next_options_t;

/* clang-format off */
#define BLOBFERRY_NEXT_OPTIONS_INIT { sizeof(blobferry_next_options_t), 0, 0, 0 }
/* clang-format on */

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_LIST_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_list_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_list_new
 */
BLOBFERRY_API void blobferry_list_options_init(blobferry_list_options_t *options, size_t struct_size);

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_NEXT_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_next_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_list_next
 */
BLOBFERRY_API void blobferry_next_options_init(blobferry_next_options_t *options, size_t struct_size);

/**
 * Make a list; nothing is read yet.
 *
 * @param store      borrowed; the list holds its own reference
 * @param prefix     borrowed; UTF-8, NUL-terminated; the first bytes of the keys wanted, which may end inside a
 *                   segment; NULL or "" = all
 * @param options    borrowed; NULL = BLOBFERRY_LIST_OPTIONS_INIT
 * @param list_out   receives an owned list: release it with blobferry_list_free
 * @param error_out  receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the list stands before its first page
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL, a text is not UTF-8, or an option is unknown
 * @retval BLOBFERRY_E_FORKED       the store belongs to the parent process
 * @retval BLOBFERRY_E_UNSUPPORTED  the store cannot list with this delimiter or `start_after`
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_list_next, blobferry_list_free
 */
BLOBFERRY_API blobferry_status_t blobferry_list_new(const blobferry_store_t *store, const char *prefix,
                                                    const blobferry_list_options_t *options,
                                                    blobferry_list_t **list_out, blobferry_error_t **error_out);

/**
 * Ask for the next page.
 *
 * Queues one request. The completion's `result` is the number of entries, and its
 * flag BLOBFERRY_COMPLETION_LAST_PAGE says that no page follows; asking again then
 * gives empty last pages. A page that fails, or is cancelled, leaves the list
 * where it was: asking again repeats it.
 *
 * The entries of the page before are released by this call. cq.h has the statuses
 * that the completion can have; there are no others.
 *
 * @param list        borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param options     borrowed; NULL = BLOBFERRY_NEXT_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, an option is unknown, or a page is already under way
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the list belongs to the parent process
 *
 * Threads: one at a time per list.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_list_entries
 */
BLOBFERRY_API blobferry_status_t blobferry_list_next(blobferry_list_t *list, blobferry_cq_t *cq,
                                                     const blobferry_next_options_t *options, uint64_t user_data,
                                                     blobferry_ticket_t *ticket_out, blobferry_error_t **error_out);

/**
 * Ask for the next page as a table.
 *
 * As blobferry_list_next, but that the entries come as the completion's `table`, of one
 * chunk with a row for each, and blobferry_list_entries has none. The pages of a list
 * may be asked for in either way. The columns are
 *
 *   key               text; where it is not UTF-8, with U+FFFD for what is not
 *   size              uint64; null for a prefix
 *   last_modified     timestamp of nanoseconds, UTC; null where unknown
 *   revision          text; null where unknown
 *   is_prefix         boolean: BLOBFERRY_ENTRY_PREFIX
 *   is_unaddressable  boolean: BLOBFERRY_ENTRY_UNADDRESSABLE
 *   key_bytes         bytes: the key where it is not UTF-8, else null
 *
 * @param list        borrowed; the request holds its own reference
 * @param cq          borrowed; receives the completion; must be of the store's service
 * @param options     borrowed; NULL = BLOBFERRY_NEXT_OPTIONS_INIT
 * @param user_data   returned in the completion; an integer, never dereferenced
 * @param ticket_out  receives the ticket; may be NULL
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the request is queued
 * @retval BLOBFERRY_E_ARGUMENT  a required pointer was NULL, an option is unknown, or a page is already under way
 * @retval BLOBFERRY_E_BUSY      the queue has no credit; take completions, then try again
 * @retval BLOBFERRY_E_CLOSED    the queue or the service is closed
 * @retval BLOBFERRY_E_FORKED    the list belongs to the parent process
 *
 * Threads: one at a time per list.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_list_next, blobferry_table_export
 */
BLOBFERRY_API blobferry_status_t blobferry_list_next_table(blobferry_list_t *list, blobferry_cq_t *cq,
                                                           const blobferry_next_options_t *options, uint64_t user_data,
                                                           blobferry_ticket_t *ticket_out,
                                                           blobferry_error_t **error_out);

/**
 * Give the entries of the last page.
 *
 * Ask after its completion was taken. Before the first page, while a page is
 * under way and after one that failed there are none.
 *
 * @param list       borrowed; NULL is an empty page
 * @param count_out  receives the number of entries; may be NULL
 *
 * @return a view (valid until the next blobferry_list_next or blobferry_list_free); NULL where there are no entries
 *
 * Threads: one at a time per list.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_list_next
 */
BLOBFERRY_API const blobferry_entry_t *blobferry_list_entries(const blobferry_list_t *list, size_t *count_out);

/**
 * Free a list.
 *
 * A page under way is not cancelled by this; its completion still comes.
 *
 * @param list  given; NULL does nothing
 *
 * Threads: any; once per list.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_list_new
 */
BLOBFERRY_API void blobferry_list_free(blobferry_list_t *list);

#endif /* BLOBFERRY_LIST_H */
