/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_REPORT_H
#define BLOBFERRY_REPORT_H

#include "error.h"

/*
 * A report receives what becomes of the objects of ONE request of many objects:
 * counts while it runs, and after its completion the outcome of each object.
 *
 *   blobferry_report_new(NULL, &report, &error);
 *   blobferry_folder_upload(store, cq, "/var/data", "data/", NULL, report, 0, NULL, &error);
 *   until the completion is there: blobferry_report_progress(report, &progress);
 *   outcomes = blobferry_report_outcomes(report, &count);
 *   blobferry_report_free(report);
 *
 * A request that was refused by its submit call has not used its report.
 *
 * A report holds up to `max_outcomes` outcomes with their keys, revisions and
 * errors: some 200 bytes each, and 500 for one that failed. Those that come to an
 * end first are kept; further ones are only counted.
 */
typedef struct blobferry_report blobferry_report_t;

/* Keep only the outcomes of objects that failed. */
#define BLOBFERRY_REPORT_FAILURES_ONLY 1u

typedef struct blobferry_report_options {
  size_t   struct_size;  /* sizeof(blobferry_report_options_t) */
  uint64_t max_outcomes; /* outcomes kept, further ones are only counted; 0 = 100 000 */
  uint32_t flags;        /* BLOBFERRY_REPORT_FAILURES_ONLY or 0 */
  uint32_t reserved;     /* must be 0 */
} blobferry_report_options_t;

/* clang-format off */
#define BLOBFERRY_REPORT_OPTIONS_INIT { sizeof(blobferry_report_options_t), 0, 0, 0 }
/* clang-format on */

/* How far a request has come: a snapshot. After the completion it changes no more. */
typedef struct blobferry_progress {
  size_t   struct_size;      /* sizeof(blobferry_progress_t) */
  uint64_t objects_found;    /* objects to be dealt with, as far as they are known */
  uint64_t objects_done;     /* of these, done */
  uint64_t objects_skipped;  /* of these, the same already (BLOBFERRY_FOLDER_SKIP_SAME) */
  uint64_t objects_failed;   /* of these, failed; those among them that were cancelled while under way */
  uint64_t bytes_found;      /* bytes of the objects found; 0 where no bytes are to be moved */
  uint64_t bytes_done;       /* bytes moved; it grows while a large object moves */
  uint64_t outcomes_dropped; /* outcomes beyond `max_outcomes` */
  uint32_t is_listing_done;  /* 1: no more objects will be found; 0 */
  uint32_t reserved;         /* 0 */
} blobferry_progress_t;

/* clang-format off */
#define BLOBFERRY_PROGRESS_INIT { sizeof(blobferry_progress_t), 0, 0, 0, 0, 0, 0, 0, 0, 0 }
/* clang-format on */

/* The object was the same already; nothing was moved. */
#define BLOBFERRY_OUTCOME_SKIPPED 1u
/* The change that failed may have taken effect all the same. */
#define BLOBFERRY_OUTCOME_MAYBE_COMMITTED 2u

/* What became of one object. 64 bytes for ever. */
typedef struct blobferry_outcome {
  const char              *key;         /* NUL-terminated; the object's key, or the name of a file that can have none */
  size_t                   key_size;    /* bytes, without the NUL */
  uint64_t                 size;        /* bytes of the object, where they are known */
  blobferry_status_t       status;      /* BLOBFERRY_OK, or why it failed */
  uint32_t                 flags;       /* BLOBFERRY_OUTCOME_… */
  const blobferry_error_t *error;       /* a view; NULL on success */
  const char              *revision;    /* as blobferry_details_revision, of the object; NULL where it is not known */
  uint64_t                 reserved[2]; /* 0 */
} blobferry_outcome_t;

/**
 * Set an option struct to the defaults, for languages without the INIT macro.
 *
 * Equal to assigning BLOBFERRY_REPORT_OPTIONS_INIT.
 *
 * @param options      receives the defaults; NULL does nothing
 * @param struct_size  bytes: sizeof(blobferry_report_options_t)
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_report_new
 */
BLOBFERRY_API void blobferry_report_options_init(blobferry_report_options_t *options, size_t struct_size);

/**
 * Make a report, for one request.
 *
 * @param options     borrowed; NULL = BLOBFERRY_REPORT_OPTIONS_INIT
 * @param report_out  receives an owned report: release it with blobferry_report_free
 * @param error_out   receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK          the report is ready for a request
 * @retval BLOBFERRY_E_ARGUMENT  `report_out` was NULL, or an option is unknown
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_report_outcomes, blobferry_report_free
 */
BLOBFERRY_API blobferry_status_t blobferry_report_new(const blobferry_report_options_t *options,
                                                      blobferry_report_t **report_out, blobferry_error_t **error_out);

/**
 * Tell how far the request of a report has come.
 *
 * It may be asked at any time: before the request, while it runs, and after its
 * completion.
 *
 * @param report        borrowed
 * @param progress_out  receives the counts; its `struct_size` must be set
 *
 * @retval BLOBFERRY_OK          the counts were written
 * @retval BLOBFERRY_E_ARGUMENT  a pointer was NULL or the `struct_size` unknown
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_report_outcomes
 */
BLOBFERRY_API blobferry_status_t blobferry_report_progress(const blobferry_report_t *report,
                                                           blobferry_progress_t *progress_out);

/**
 * Give the outcome of each object, in the order in which the request found them.
 *
 * Ask after the completion was taken. Before there is a completion there are
 * none; in a forked child of the process that made the report there are none.
 *
 * @param report     borrowed; NULL has no outcomes
 * @param count_out  receives the number of outcomes; may be NULL
 *
 * @return a view (valid until blobferry_report_free); NULL where there are no outcomes
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_error_message
 */
BLOBFERRY_API const blobferry_outcome_t *blobferry_report_outcomes(blobferry_report_t *report, size_t *count_out);

/**
 * Free a report.
 *
 * A request that is under way goes on: it holds its own reference. Views of the
 * report end here.
 *
 * @param report  given; NULL does nothing
 *
 * Threads: any; once per report.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_report_new
 */
BLOBFERRY_API void blobferry_report_free(blobferry_report_t *report);

#endif /* BLOBFERRY_REPORT_H */
