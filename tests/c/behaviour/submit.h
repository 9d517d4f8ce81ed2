/*
 * How a request is submitted: by the call of its verb, or as a batch of one. What
 * comes of it must be the same, so no step knows which it was.
 */
#ifndef TESTS_C_BEHAVIOUR_SUBMIT_H
#define TESTS_C_BEHAVIOUR_SUBMIT_H

#include "step.h"

/* What came of one submit call. */
typedef struct reply {
  blobferry_status_t     submitted;
  blobferry_ticket_t     ticket;
  blobferry_error_t     *error;
  uint64_t               user_data;
  blobferry_completion_t completion; /* where submitted is OK */
} reply_t;

static inline void begin_reply(run_t *run, reply_t *reply) {
  memset(reply, 0, sizeof *reply);
  reply->ticket = UNTOUCHED;
  reply->user_data = ++run->requests;
}

static inline blobferry_status_t submit_get(run_t *run, const blobferry_request_t *call, reply_t *reply) {
  switch (call->verb) {
    case BLOBFERRY_VERB_GET:
      return blobferry_object_get(call->handle, run->cq, call->key, call->buffer, call->buffer_size, call->options,
                                  reply->user_data, &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_GET_RANGES:
      return blobferry_object_get_ranges(call->handle, run->cq, call->key, call->items, call->item_count, call->buffer,
                                         call->buffer_size, call->options, reply->user_data, &reply->ticket,
                                         &reply->error);
    case BLOBFERRY_VERB_GET_BUFFER:
      return blobferry_object_get_buffer(call->handle, run->cq, call->key, call->options, reply->user_data,
                                         &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_HEAD:
      return blobferry_object_head(call->handle, run->cq, call->key, call->options, reply->user_data, &reply->ticket,
                                   &reply->error);
    case BLOBFERRY_VERB_EXISTS:
      return blobferry_object_exists(call->handle, run->cq, call->key, call->options, reply->user_data, &reply->ticket,
                                     &reply->error);
    default: abort();
  }
}

static inline blobferry_status_t submit_change(run_t *run, const blobferry_request_t *call, reply_t *reply) {
  switch (call->verb) {
    case BLOBFERRY_VERB_PUT:
      return blobferry_object_put(call->handle, run->cq, call->key, call->buffer, call->buffer_size, call->options,
                                  reply->user_data, &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_PUT_SLICES:
      return blobferry_object_put_slices(call->handle, run->cq, call->key, call->items, call->item_count, call->options,
                                         reply->user_data, &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_DELETE:
      return blobferry_object_delete(call->handle, run->cq, call->key, call->options, reply->user_data, &reply->ticket,
                                     &reply->error);
    case BLOBFERRY_VERB_COPY:
      return blobferry_object_copy(call->handle, run->cq, call->key, call->to, call->options, reply->user_data,
                                   &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_RENAME:
      return blobferry_object_rename(call->handle, run->cq, call->key, call->to, call->options, reply->user_data,
                                     &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_SIGN:
      return blobferry_object_sign(call->handle, run->cq, call->key, call->options, reply->user_data, &reply->ticket,
                                   &reply->error);
    default: abort();
  }
}

static inline blobferry_status_t submit_many(run_t *run, const blobferry_request_t *call, reply_t *reply) {
  switch (call->verb) {
    case BLOBFERRY_VERB_DELETE_MANY:
      return blobferry_object_delete_many(call->handle, run->cq, call->items, call->item_count, call->options,
                                          call->report, reply->user_data, &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_FOLDER_UPLOAD:
      return blobferry_folder_upload(call->handle, run->cq, call->key, call->to, call->options, call->report,
                                     reply->user_data, &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_FOLDER_DOWNLOAD:
      return blobferry_folder_download(call->handle, run->cq, call->key, call->to, call->options, call->report,
                                       reply->user_data, &reply->ticket, &reply->error);
    default: abort();
  }
}

/* These have a handle of their own, which is not const: it remembers where it is. */
static inline blobferry_status_t submit_stream(run_t *run, const blobferry_request_t *call, reply_t *reply) {
  void *handle = (void *)call->handle;
  switch (call->verb) {
    case BLOBFERRY_VERB_LIST_NEXT:
      return blobferry_list_next(handle, run->cq, call->options, reply->user_data, &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_READER_READ:
      return blobferry_reader_read(handle, run->cq, call->buffer, call->buffer_size, call->options, reply->user_data,
                                   &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_WRITER_WRITE:
      return blobferry_writer_write(handle, run->cq, call->buffer, call->buffer_size, call->options, reply->user_data,
                                    &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_WRITER_FLUSH:
      return blobferry_writer_flush(handle, run->cq, call->options, reply->user_data, &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_WRITER_FINISH:
      return blobferry_writer_finish(handle, run->cq, call->options, reply->user_data, &reply->ticket, &reply->error);
    case BLOBFERRY_VERB_WRITER_ABORT:
      return blobferry_writer_abort(handle, run->cq, call->options, reply->user_data, &reply->ticket, &reply->error);
    default: abort();
  }
}

static inline blobferry_status_t submit_alone(run_t *run, const blobferry_request_t *call, reply_t *reply) {
  switch (call->verb) {
    case BLOBFERRY_VERB_GET:
    case BLOBFERRY_VERB_GET_RANGES:
    case BLOBFERRY_VERB_GET_BUFFER:
    case BLOBFERRY_VERB_HEAD:
    case BLOBFERRY_VERB_EXISTS: return submit_get(run, call, reply);
    case BLOBFERRY_VERB_LIST_NEXT:
    case BLOBFERRY_VERB_READER_READ:
    case BLOBFERRY_VERB_WRITER_WRITE:
    case BLOBFERRY_VERB_WRITER_FLUSH:
    case BLOBFERRY_VERB_WRITER_FINISH:
    case BLOBFERRY_VERB_WRITER_ABORT: return submit_stream(run, call, reply);
    case BLOBFERRY_VERB_DELETE_MANY:
    case BLOBFERRY_VERB_FOLDER_UPLOAD:
    case BLOBFERRY_VERB_FOLDER_DOWNLOAD: return submit_many(run, call, reply);
    default: return submit_change(run, call, reply);
  }
}

static inline blobferry_status_t submit_in_batch(run_t *run, const blobferry_request_t *call, reply_t *reply) {
  blobferry_request_t request = *call;
  blobferry_error_t  *error = NULL;
  size_t              accepted = 99;
  request.user_data = reply->user_data;
  blobferry_status_t status = blobferry_cq_submit(run->cq, &request, 1, &accepted, &error);
  must(status, error, "blobferry_cq_submit");
  if (accepted != (request.status == BLOBFERRY_OK)) FAIL("the batch accepted %zu requests of one", accepted);
  if (request.ticket != 0) reply->ticket = request.ticket; /* of a request refused it is 0 */
  reply->error = request.error;
  return request.status;
}

/* Submits the request and, where it is accepted, waits for its completion. */
static inline reply_t ask(run_t *run, const blobferry_request_t *call) {
  reply_t reply;
  begin_reply(run, &reply);
  reply.submitted = run->in_batches ? submit_in_batch(run, call, &reply) : submit_alone(run, call, &reply);
  if (reply.submitted == BLOBFERRY_OK) reply.completion = wait_one(run->cq);
  return reply;
}

static inline void reply_free(reply_t *reply) {
  blobferry_error_free(reply->error);
  dispose(&reply->completion);
}

/* A request of this verb on the key of the step, with nothing else said. */
static inline blobferry_request_t call_of(const run_t *run, const step_t *step, uint32_t verb, const void *options) {
  blobferry_request_t call;
  memset(&call, 0, sizeof call);
  call.verb = verb;
  call.handle = run->store;
  call.key = step->key;
  call.options = options;
  return call;
}

#endif
