/*
 * The steps of readers and writers: a case has at most one of each open. Where
 * they are the runner knows, so that a read need not say which bytes must come.
 */
#ifndef TESTS_C_BEHAVIOUR_STREAMS_H
#define TESTS_C_BEHAVIOUR_STREAMS_H

#include "checks.h"
#include "options.h"

static const char *const compressions[] = {"none", "gzip", "zstd", "deflate", "auto", NULL};

/* What a call that is no request gave. */
static inline bool check_call(const run_t *run, const step_t *step, blobferry_status_t status,
                              blobferry_error_t *error) {
  reply_t reply;
  memset(&reply, 0, sizeof reply);
  reply.submitted = status;
  reply.error = error;
  reply.ticket = UNTOUCHED;
  bool refused = run->lacking || step->refused;
  if (refused) check_refused(run, step, &reply, run->lacking ? BLOBFERRY_E_UNSUPPORTED : status_of(step));
  else if (status != BLOBFERRY_OK) fail_at(run, &step->line, "refused: %s", blobferry_error_message(error));
  blobferry_error_free(error);
  return !refused && status == BLOBFERRY_OK;
}

/* A request on the reader or writer that is open. */
static inline reply_t ask_stream(run_t *run, const void *handle, uint32_t verb, void *data, size_t size,
                                 const void *options) {
  blobferry_request_t call;
  memset(&call, 0, sizeof call);
  call.verb = verb;
  call.handle = handle;
  call.buffer = data;
  call.buffer_size = size;
  call.options = options;
  return ask(run, &call);
}

static inline void streams_free(run_t *run) {
  blobferry_reader_free(run->stream.reader);
  blobferry_writer_free(run->stream.writer);
  memset(&run->stream, 0, sizeof run->stream);
}

/* -- readers ------------------------------------------------------------------------------------- */

static inline void reader(run_t *run, const step_t *step) {
  blobferry_reader_options_t options = BLOBFERRY_READER_OPTIONS_INIT;
  blobferry_error_t         *error = NULL;
  char *if_match = kept_argument(run, step, "if_match", false), *version = kept_argument(run, step, "version", true);
  if (run->stream.reader != NULL) unreadable(&step->line, "a reader is open already");
  options.offset = number_argument(step, "offset", 0);
  options.length = number_argument(step, "length", BLOBFERRY_LENGTH_TO_END);
  options.part_size = number_argument(step, "part", 0);
  options.max_prefetch = number_argument(step, "prefetch", 0);
  options.max_in_flight = (uint32_t)number_argument(step, "in_flight", 0);
  options.compression = choice_argument(step, "compression", compressions);
  options.if_match = if_match;
  options.version = version;
  run->stream.offset = options.offset;
  run->stream.read = 0;
  blobferry_status_t status = blobferry_reader_new(
      run->store, step->key, step->arguments < step->arrow ? &options : NULL, &run->stream.reader, &error);
  check_call(run, step, status, error);
  free(if_match);
  free(version);
}

/* `bytes=HEX`: what stands at the beginning of the buffer. */
static inline void check_bytes(const run_t *run, const step_t *step, const uint8_t *data, size_t size) {
  const char *hex = wish(step, "bytes");
  for (size_t i = 0; hex != NULL && hex[2 * i] != '\0'; i++) {
    unsigned byte = 256;
    sscanf(hex + 2 * i, "%2x", &byte);
    if (i >= size || data[i] != byte) fail_at(run, &step->line, "byte %zu is another one", i);
  }
}

static inline void read_step(run_t *run, const step_t *step) {
  bool null = has_argument(step, "null");
  if (null && argument(step, "size") != NULL) unreadable(&step->line, "a size of nothing");
  spent_t spent = new_buffer(step, number_argument(step, "size", 0), run->stream.offset + run->stream.read);
  reply_t reply = ask_stream(run, run->stream.reader, BLOBFERRY_VERB_READER_READ, null ? NULL : spent.memory.data,
                             spent.memory.size, NULL);
  const blobferry_completion_t *completion = &reply.completion;
  check_bytes(run, step, spent.memory.data, spent.memory.size);
  guarded_lock(&spent.memory);
  if (check_reply(run, step, &reply)) {
    if (wish(step, "result") == NULL) unreadable(&step->line, "no result");
    check_success(run, step, completion, 0, false);
    run->stream.read += completion->result;
    uint64_t position = blobferry_reader_position(run->stream.reader);
    if (position != run->stream.read)
      fail_at(run, &step->line, "the position is %" PRIu64 ", wanted %" PRIu64, position, run->stream.read);
    if (wish(step, "content") != NULL && completion->result <= spent.memory.size)
      expect(&spent, completion->result, content_of(step, wish(step, "content")));
  }
  set_aside(run, step, spent);
  reply_free(&reply);
}

static inline void seek(run_t *run, const step_t *step) {
  blobferry_error_t *error = NULL;
  uint64_t           position = number_argument(step, "position", 0);
  blobferry_status_t status = blobferry_reader_seek(run->stream.reader, position, &error);
  if (!check_call(run, step, status, error)) return;
  run->stream.read = position;
  if (blobferry_reader_position(run->stream.reader) != position)
    fail_at(run, &step->line, "the position is another one");
}

static inline void reader_size(run_t *run, const step_t *step) {
  blobferry_error_t *error = NULL;
  uint64_t           size = 99;
  blobferry_status_t status = blobferry_reader_size(run->stream.reader, &size, &error);
  if (!check_call(run, step, status, error)) return;
  if (wish(step, "result") == NULL) unreadable(&step->line, "no result");
  if (size != number(step, wish(step, "result"))) fail_at(run, &step->line, "the size is %" PRIu64, size);
}

/* -- writers ------------------------------------------------------------------------------------- */

static inline blobferry_writer_options_t writer_options_of(const step_t *step, const labels_t *labels) {
  blobferry_writer_options_t options = BLOBFERRY_WRITER_OPTIONS_INIT;
  options.content_type = labels->content_type;
  options.content_encoding = labels->content_encoding;
  options.content_language = labels->content_language;
  options.content_disposition = labels->content_disposition;
  options.cache_control = labels->cache_control;
  options.metadata_count = labels->metadata_count;
  options.metadata = labels->metadata_count > 0 ? labels->metadata : NULL;
  options.tag_count = labels->tag_count;
  options.tags = labels->tag_count > 0 ? labels->tags : NULL;
  options.part_size = number_argument(step, "part", 0);
  options.max_in_flight = (uint32_t)number_argument(step, "in_flight", 0);
  options.mode = choice_argument(step, "mode", put_modes);
  options.compression = choice_argument(step, "compression", compressions);
  options.compression_level = (int32_t)number_argument(step, "level", 0);
  return options;
}

static inline void writer(run_t *run, const step_t *step) {
  labels_t                   labels = read_labels(step);
  blobferry_writer_options_t options = writer_options_of(step, &labels);
  blobferry_error_t         *error = NULL;
  if (run->stream.writer != NULL) unreadable(&step->line, "a writer is open already");
  run->stream.written = 0;
  run->stream.packed = options.compression != BLOBFERRY_COMPRESSION_NONE;
  blobferry_status_t status = blobferry_writer_new(
      run->store, step->key, step->arguments < step->arrow ? &options : NULL, &run->stream.writer, &error);
  check_call(run, step, status, error);
  labels_free(&labels);
}

static inline void write_step(run_t *run, const step_t *step) {
  const char *seed = argument(step, "seed");
  spent_t     spent = full_buffer(step, number_argument(step, "size", 0), content_of(step, seed ? seed : "0"),
                                  run->stream.written);
  reply_t     reply = ask_stream(run, run->stream.writer, BLOBFERRY_VERB_WRITER_WRITE,
                                 has_argument(step, "null") ? NULL : spent.memory.data, spent.memory.size, NULL);
  guarded_lock(&spent.memory);
  if (check_reply(run, step, &reply)) {
    check_success(run, step, &reply.completion, spent.memory.size, false);
    run->stream.written += spent.memory.size;
  }
  set_aside(run, step, spent);
  reply_free(&reply);
}

static inline void end_writer(run_t *run, const step_t *step, uint32_t verb, uint64_t result) {
  blobferry_write_options_t options = BLOBFERRY_WRITE_OPTIONS_INIT;
  options.flags = details_flag(step);
  reply_t     reply = ask_stream(run, run->stream.writer, verb, NULL, 0, options.flags != 0 ? &options : NULL);
  const char *most = wish(step, "result<");
  if (check_reply(run, step, &reply)) {
    if (most != NULL && reply.completion.result > number(step, most))
      fail_at(run, &step->line, "the result is %" PRIu64, reply.completion.result);
    if (most == NULL && result == UINT64_MAX && wish(step, "result") == NULL) unreadable(&step->line, "no result");
    check_success(run, step, &reply.completion, most != NULL ? reply.completion.result : result, options.flags != 0);
  }
  reply_free(&reply);
}

static inline void flush(run_t *run, const step_t *step) { end_writer(run, step, BLOBFERRY_VERB_WRITER_FLUSH, 0); }

static inline void finish(run_t *run, const step_t *step) {
  end_writer(run, step, BLOBFERRY_VERB_WRITER_FINISH, run->stream.packed ? UINT64_MAX : run->stream.written);
}

static inline void abort_step(run_t *run, const step_t *step) {
  end_writer(run, step, BLOBFERRY_VERB_WRITER_ABORT, 0);
}

/* Frees what is open, finished or not. */
static inline void close_step(run_t *run, const step_t *step) {
  if (run->stream.reader == NULL && run->stream.writer == NULL) unreadable(&step->line, "nothing is open");
  streams_free(run);
}

#endif
