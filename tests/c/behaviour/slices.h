/*
 * The steps get_ranges, get_buffer and put_slices: bytes that stand in several
 * places, or in memory of the library.
 */
#ifndef TESTS_C_BEHAVIOUR_SLICES_H
#define TESTS_C_BEHAVIOUR_SLICES_H

#include "verbs.h"

#define MOST_SLICES 32

/* `range=OFFSET+LENGTH`..., as many as there are; owned. NULL where there are none. */
static inline blobferry_range_t *read_ranges(const step_t *step, size_t *count_out) {
  blobferry_range_t *ranges = NULL;
  *count_out = 0;
  for (int i = step->arguments; i < step->arrow; i++) {
    const char *word = value_of(step->words.at[i], "range", '=');
    char       *end = NULL;
    if (word == NULL) continue;
    uint64_t offset = strtoull(word, &end, 10);
    if (*end != '+') unreadable(&step->line, "not OFFSET+LENGTH");
    ranges = grown(ranges, *count_out, sizeof *ranges);
    ranges[(*count_out)++] = (blobferry_range_t){offset, number(step, end + 1)};
  }
  return ranges;
}

/* The sizes that the words `NAME=N` say, `null` being one of none at all. Without such a word one of `otherwise`. */
static inline size_t read_sizes(const step_t *step, const char *name, uint64_t otherwise, uint64_t *sizes) {
  size_t count = 0;
  for (int i = step->arguments; i < step->arrow; i++) {
    const char *word = value_of(step->words.at[i], name, '=');
    if (word == NULL) continue;
    if (count == MOST_SLICES) unreadable(&step->line, "too many slices");
    sizes[count++] = strcmp(word, "null") == 0 ? UINT64_MAX : number(step, word);
  }
  if (count == 0 && otherwise != UINT64_MAX) sizes[count++] = otherwise;
  return count;
}

/* The same ranges for each buffer: each frees its own. */
static inline void expect_ranges(spent_t *spent, const blobferry_range_t *ranges, size_t count) {
  spent->ranges = count > 0 ? must_have(malloc(count * sizeof *ranges)) : NULL;
  if (count > 0) memcpy(spent->ranges, ranges, count * sizeof *ranges);
  spent->range_count = count;
}

/* The bytes that came must stand in the buffers one after the other. */
static inline void expect_in_order(const step_t *step, spent_t *spent, size_t count, const blobferry_range_t *ranges,
                                   size_t range_count) {
  content_t content = content_of(step, wish(step, "content"));
  uint64_t  left = number(step, wish(step, "result")), offset = range_count > 0 ? 0 : first_place(step);
  for (size_t i = 0; i < count; i++) {
    size_t filled = spent[i].memory.size < left ? spent[i].memory.size : (size_t)left;
    spent[i].offset = offset;
    expect(&spent[i], filled, content);
    expect_ranges(&spent[i], ranges, range_count);
    offset += filled;
    left -= filled;
  }
}

static inline void get_ranges(run_t *run, const step_t *step) {
  conditions_t            conditions = read_conditions(run, step);
  blobferry_get_options_t options = get_options_of(step, &conditions);
  blobferry_request_t     call = call_of(run, step, BLOBFERRY_VERB_GET_RANGES, &options);
  blobferry_slice_t       slices[MOST_SLICES];
  spent_t                 spent[MOST_SLICES];
  uint64_t                sizes[MOST_SLICES];
  bool                    ok = succeeds(step);
  size_t                  range_count = 0;
  blobferry_range_t      *ranges = read_ranges(step, &range_count);
  uint64_t one = has_argument(step, "no-buffers") ? UINT64_MAX : ok ? number(step, wish(step, "result")) : 16;
  size_t   count = read_sizes(step, "buffer", one, sizes);
  for (size_t i = 0; i < count; i++) {
    spent[i] = new_buffer(step, sizes[i] == UINT64_MAX ? 0 : sizes[i], 0);
    slices[i] = (blobferry_slice_t){sizes[i] == UINT64_MAX ? NULL : spent[i].memory.data, spent[i].memory.size};
  }
  call.items = ranges;
  call.item_count = range_count;
  call.buffer = count > 0 ? slices : NULL;
  call.buffer_size = count;
  reply_t reply = ask(run, &call);
  for (size_t i = 0; i < count; i++) guarded_lock(&spent[i].memory);
  if (check_reply(run, step, &reply) && ok) {
    check_success(run, step, &reply.completion, 0, has_argument(step, "details"));
    if (reply.completion.result == number(step, wish(step, "result")))
      expect_in_order(step, spent, count, ranges, range_count);
  }
  for (size_t i = 0; i < count; i++) set_aside(run, step, spent[i]);
  reply_free(&reply);
  conditions_free(&conditions);
  free(ranges);
}

static inline void check_buffer(const run_t *run, const step_t *step, const blobferry_completion_t *completion) {
  const uint8_t *data = blobferry_buffer_data(completion->buffer);
  size_t         size = blobferry_buffer_size(completion->buffer);
  content_t      content = content_of(step, wish(step, "content"));
  check_result(run, step, completion, number(step, wish(step, "result")));
  if (data == NULL) {
    fail_at(run, &step->line, "there is no buffer");
    return;
  }
  if (size != completion->result) fail_at(run, &step->line, "the buffer has %zu bytes", size);
  if (!content_is(data, size, content, first_place(step)))
    fail_at(run, &step->line, "the bytes in the buffer are wrong");
  if (data[size] != '\0') fail_at(run, &step->line, "no NUL byte stands behind the last one");
}

static inline void get_buffer(run_t *run, const step_t *step) {
  conditions_t            conditions = read_conditions(run, step);
  blobferry_get_options_t options = get_options_of(step, &conditions);
  blobferry_request_t     call =
      call_of(run, step, BLOBFERRY_VERB_GET_BUFFER, step->arguments < step->arrow ? &options : NULL);
  bool    ok = succeeds(step);
  reply_t reply = ask(run, &call);
  if (check_reply(run, step, &reply) && ok) {
    check_buffer(run, step, &reply.completion);
    check_details(run, step, &reply.completion, has_argument(step, "details"));
  }
  reply_free(&reply);
  conditions_free(&conditions);
}

static inline void put_slices(run_t *run, const step_t *step) {
  labels_t                labels = read_labels(step);
  char                   *if_match = kept_argument(run, step, "if_match", false);
  const char             *seed = argument(step, "seed");
  blobferry_put_options_t options = put_options_of(step, &labels, if_match);
  blobferry_request_t     call = call_of(run, step, BLOBFERRY_VERB_PUT_SLICES, &options);
  blobferry_const_slice_t slices[MOST_SLICES];
  spent_t                 spent[MOST_SLICES];
  uint64_t                sizes[MOST_SLICES], total = 0;
  size_t                  count = read_sizes(step, "slice", UINT64_MAX, sizes);
  for (size_t i = 0; i < count; i++) {
    bool null = sizes[i] == UINT64_MAX;
    spent[i] = full_buffer(step, null ? 0 : sizes[i], content_of(step, seed ? seed : "0"), total);
    slices[i] = (blobferry_const_slice_t){null ? NULL : spent[i].memory.data, spent[i].memory.size};
    total += spent[i].memory.size;
  }
  call.items = count > 0 ? slices : NULL;
  call.item_count = count;
  reply_t reply = ask(run, &call);
  for (size_t i = 0; i < count; i++) guarded_lock(&spent[i].memory);
  if (check_reply(run, step, &reply))
    check_success(run, step, &reply.completion, total, has_argument(step, "details"));
  for (size_t i = 0; i < count; i++) set_aside(run, step, spent[i]);
  reply_free(&reply);
  labels_free(&labels);
  free(if_match);
}

#endif
