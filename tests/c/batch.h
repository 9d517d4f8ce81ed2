/*
 * Requests of a batch in one line each, and the check of what a batch said.
 */
#ifndef TESTS_C_BATCH_H
#define TESTS_C_BATCH_H

#include "verbs.h"

static inline blobferry_request_t of_store(uint32_t verb, const blobferry_store_t *store, const char *key,
                                           uint64_t user_data) {
  blobferry_request_t request;
  memset(&request, 0, sizeof request);
  request.verb = verb;
  request.handle = store;
  request.key = key;
  request.user_data = user_data;
  /* What receives something may hold anything before. */
  request.ticket = 99;
  request.status = 99;
  request.error = (blobferry_error_t *)(uintptr_t)1;
  return request;
}

static inline blobferry_request_t with_buffer(blobferry_request_t request, void *buffer, size_t size) {
  request.buffer = buffer;
  request.buffer_size = size;
  return request;
}

static inline blobferry_request_t of_list(blobferry_list_t *list, uint64_t user_data) {
  blobferry_request_t request = of_store(BLOBFERRY_VERB_LIST_NEXT, NULL, NULL, user_data);
  request.handle = list;
  return request;
}

/* The shortest request of all: it completes with NOT_FOUND. */
static inline blobferry_request_t a_ping(const blobferry_store_t *store, uint64_t user_data) {
  return of_store(BLOBFERRY_VERB_GET, store, "nothing-here", user_data);
}

/* Each element must be accepted or refused, never both or neither. Gives the number of accepted ones. */
static inline size_t check_elements(const blobferry_request_t *requests, size_t count) {
  size_t accepted = 0;
  for (size_t i = 0; i < count; i++) {
    bool is_accepted = requests[i].status == BLOBFERRY_OK;
    CHECK_STATUS(blobferry_error_status(requests[i].error), requests[i].status);
    CHECK((requests[i].ticket != 0) == is_accepted);
    CHECK((requests[i].error == NULL) == is_accepted);
    accepted += is_accepted;
  }
  return accepted;
}

/* Submits and checks the elements; gives the number of accepted ones. The errors of the others stay in them. */
static inline size_t submit_batch(blobferry_cq_t *cq, blobferry_request_t *requests, size_t count) {
  size_t             accepted = 99999999;
  blobferry_error_t *error = NULL;
  blobferry_status_t status = blobferry_cq_submit(cq, requests, count, &accepted, &error);
  must(status, error, "blobferry_cq_submit");
  CHECK_INT(check_elements(requests, count), accepted);
  beat();
  return accepted;
}

static inline void must_submit_batch(blobferry_cq_t *cq, blobferry_request_t *requests, size_t count) {
  if (submit_batch(cq, requests, count) == count) return;
  for (size_t i = 0; i < count; i++)
    if (requests[i].status != BLOBFERRY_OK) FAIL("element %zu: %s", i, blobferry_error_message(requests[i].error));
}

/* The element must have been refused with this status, and a message that contains `part`; releases its error. */
static inline void check_refused(blobferry_request_t *request, blobferry_status_t status, const char *part) {
  CHECK_STATUS(request->status, status);
  check_error(request->error, status, part);
  request->error = NULL;
}

#endif
