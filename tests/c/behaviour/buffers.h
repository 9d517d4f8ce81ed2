/*
 * The buffers of a case. Each is guarded memory, locked from the moment its
 * completion was taken until the case has ended: only then is it looked at.
 */
#ifndef TESTS_C_BEHAVIOUR_BUFFERS_H
#define TESTS_C_BEHAVIOUR_BUFFERS_H

#include "step.h"

static inline uint8_t content_byte(content_t content, uint64_t place) {
  return pattern_byte(content.seed, content.period == 0 ? place : place % content.period);
}

/* Fills `data` with the content from `offset` on. */
static inline void content_fill(uint8_t *data, size_t size, content_t content, uint64_t offset) {
  for (size_t i = 0; i < size; i++) data[i] = content_byte(content, offset + i);
}

static inline bool content_is(const uint8_t *data, size_t size, content_t content, uint64_t offset) {
  for (size_t i = 0; i < size; i++)
    if (data[i] != content_byte(content, offset + i)) return false;
  return true;
}

/* The first `filled` bytes must be those of the ranges, which stand one after the other, from `offset` on. */
static inline bool ranges_are(const spent_t *spent) {
  uint64_t begin = 0; /* of the range, among all of them */
  size_t   seen = 0;
  for (size_t i = 0; i < spent->range_count && seen < spent->filled; i++) {
    const blobferry_range_t *range = &spent->ranges[i];
    uint64_t                 from = spent->offset + seen;
    if (from < begin + range->length) {
      size_t size = (size_t)(begin + range->length - from);
      if (size > spent->filled - seen) size = spent->filled - seen;
      if (!content_is(spent->memory.data + seen, size, spent->content, range->offset + (from - begin))) return false;
      seen += size;
    }
    begin += range->length;
  }
  return seen == spent->filled;
}

/* A buffer of `size` bytes for the bytes from `offset` on. Of its bytes nothing is known until `expect` says it. */
static inline spent_t new_buffer(const step_t *step, size_t size, uint64_t offset) {
  spent_t spent;
  memset(&spent, 0, sizeof spent);
  spent.memory = guarded_new(size);
  spent.line = step->line;
  spent.offset = offset;
  return spent;
}

/* A buffer that holds the content from `offset` on, and must hold it still when the case has ended. */
static inline spent_t full_buffer(const step_t *step, size_t size, content_t content, uint64_t offset) {
  spent_t spent = new_buffer(step, size, offset);
  content_fill(spent.memory.data, size, content, offset);
  spent.content = content;
  spent.filled = size;
  spent.looked_at = true;
  return spent;
}

/* When the case has ended, the first `filled` bytes must be the content, and the others as they were given. */
static inline void expect(spent_t *spent, size_t filled, content_t content) {
  spent->filled = filled;
  spent->content = content;
  spent->looked_at = true;
}

static inline void set_aside(run_t *run, const step_t *step, spent_t spent) {
  if (run->spent_count == MOST_SPENT) unreadable(&step->line, "too many buffers in one case");
  run->spent[run->spent_count++] = spent;
}

static inline void look_at(const run_t *run, spent_t *spent) {
  int failures = atomic_load(&failures_in_test);
  guarded_unlock(&spent->memory);
  if (atomic_load(&failures_in_test) != failures) fail_at(run, &spent->line, "the canary was at this buffer");
  if (!spent->looked_at) return;
  bool right = spent->ranges != NULL ? ranges_are(spent)
                                     : content_is(spent->memory.data, spent->filled, spent->content, spent->offset);
  if (!right) fail_at(run, &spent->line, "the bytes in the buffer are wrong");
  for (size_t at = spent->filled; at < spent->memory.size; at++)
    if (spent->memory.data[at] != CANARY) {
      fail_at(run, &spent->line, "byte %zu, beyond the result, was written", at);
      return;
    }
}

/* Looks at all buffers of the case, now that it has ended. */
static inline void look_at_buffers(run_t *run) {
  for (int i = 0; i < run->spent_count; i++) {
    look_at(run, &run->spent[i]);
    guarded_free(&run->spent[i].memory);
    free(run->spent[i].ranges);
  }
  run->spent_count = 0;
}

#endif
