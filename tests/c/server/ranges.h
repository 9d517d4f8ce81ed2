/*
 * Gets of ranges of an object that a server has, in parts of PART bytes.
 */
#ifndef TESTS_C_SERVER_RANGES_H
#define TESTS_C_SERVER_RANGES_H

#include "../server.h"

enum { PART = 10000 };

static inline object_t object_of(uint64_t size) { return (object_t){size, 1, AN_ETAG, A_DATE}; }

/* A get with these options into `size` bytes; the canaries behind the first `wanted` must stay. */
static inline blobferry_completion_t get_and_compare(const fixture_t *fixture, size_t size,
                                                     const blobferry_get_options_t *options, size_t wanted,
                                                     uint64_t seed) {
  got_t got = get_with(fixture, "key", size, options);
  guarded_unlock(&got.memory);
  if (got.completion.status == BLOBFERRY_OK) {
    CHECK_INT(got.completion.result, wanted);
    CHECK(pattern_is(got.memory.data, wanted, seed, options ? options->offset : 0));
  }
  for (size_t at = wanted; at < size; at++)
    if (got.memory.data[at] != CANARY) {
      FAIL("byte %zu of the buffer was written, of which %zu were wanted", at, wanted);
      break;
    }
  guarded_free(&got.memory);
  beat();
  return got.completion;
}

static inline blobferry_get_options_t range_of(uint64_t offset, uint64_t length) {
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  options.offset = offset;
  options.length = length;
  options.part_size = PART;
  return options;
}

#endif
