/*
 * Option structs as callers of other versions have them, and choices and numbers
 * that are wrong: too short, too long, flags and reserved words that nobody knows,
 * modes that contradict the rest, the greatest numbers there are.
 */
#include "arguments.h"

/* -- option structs -------------------------------------------------------------------------------------- */

/* An option struct at the end of a page that nobody may touch, as a caller of another version has it. */
typedef struct layout {
  const function_t *function;
  size_t            struct_size; /* what it says */
  size_t            present;     /* bytes that are there */
  size_t            mark_at;     /* a byte that is set, if mark is not 0 */
  uint8_t           mark;
  guarded_t         memory;
} layout_t;

static void lay_out(arguments_t *a, const void *how) {
  layout_t *layout = (layout_t *)how;
  size_t    known = layout->function->options_size;
  layout->memory = guarded_new(layout->present);
  memset(layout->memory.data, 0, layout->present);
  memcpy(layout->memory.data, &a->options, layout->present < known ? layout->present : known);
  if (layout->mark != 0) layout->memory.data[layout->mark_at] |= layout->mark;
  if (layout->present >= sizeof layout->struct_size)
    memcpy(layout->memory.data, &layout->struct_size, sizeof layout->struct_size);
  a->at[OPTIONS] = layout->memory.data;
}

static void try_layout(layout_t layout, blobferry_status_t wanted, const char *what) {
  try_with(layout.function, lay_out, &layout, wanted, what);
  guarded_free(&layout.memory);
}

/* Calls `check` for every function that takes an option struct. */
static void for_each_struct(void (*check)(const function_t *function, size_t size)) {
  int structs = 0, kinds = 0;
  for (size_t i = 0; i < FUNCTIONS; i++) {
    if (strstr(functions[i].name, "_options_init") != NULL) kinds++;
    if (functions[i].options_size == 0) continue;
    check(&functions[i], functions[i].options_size);
    structs++;
  }
  CHECK(kinds > 0 && structs >= kinds);
}

/* Of the structs that have grown: what a caller has who was built when they were shorter. */
static void what_an_older_caller_has_is_taken(void) {
  const struct { const char *function; size_t size; } older[] = {
      {"blobferry_object_get", 48}, {"blobferry_object_put", 56}, {"blobferry_object_head", 24}};
  for (size_t i = 0; i < sizeof older / sizeof older[0]; i++) {
    const function_t *function = row_of(older[i].function);
    layout_t          layout = {function, older[i].size, older[i].size, 0, 0, {NULL, 0, NULL, 0}};
    try_layout(layout, BLOBFERRY_OK, "an older struct");
    CHECK(older[i].size < function->options_size);
  }
}

static void check_short(const function_t *function, size_t size) {
  for (size_t shorter = 0; shorter < size; shorter += shorter == 0 || shorter + 1 == size - 1 ? 1 : 4) {
    layout_t layout = {function, shorter, shorter < 8 ? 8 : shorter, 0, 0, {NULL, 0, NULL, 0}};
    char     what[64];
    snprintf(what, sizeof what, "a struct_size of %zu", shorter);
    try_layout(layout, BLOBFERRY_E_ARGUMENT, what);
  }
  layout_t layout = {function, size - 1, size - 1, 0, 0, {NULL, 0, NULL, 0}};
  try_layout(layout, BLOBFERRY_E_ARGUMENT, "a struct_size that is one too small");
}

static void check_long(const function_t *function, size_t size) {
  const size_t tails[] = {1, 4, 8, 64, 1000};
  for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
    layout_t layout = {function, size + tails[i], size + tails[i], 0, 0, {NULL, 0, NULL, 0}};
    try_layout(layout, BLOBFERRY_OK, "a longer struct whose tail is zero");
    layout.mark = 1;
    layout.mark_at = size;
    try_layout(layout, BLOBFERRY_E_ARGUMENT, "a longer struct whose tail begins with 1");
    layout.mark = 0x80;
    layout.mark_at = size + tails[i] - 1;
    try_layout(layout, BLOBFERRY_E_ARGUMENT, "a longer struct whose tail ends with 0x80");
  }
}

static void check_huge(const function_t *function, size_t size) {
  const size_t huge[] = {SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2 + 1, UINT32_MAX};
  for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
    layout_t layout = {function, huge[i], size, 0, 0, {NULL, 0, NULL, 0}};
    try_layout(layout, BLOBFERRY_E_ARGUMENT, "a huge struct_size");
  }
}

static void check_flags(const function_t *function, size_t size) {
  for (unsigned bit = 0; bit < 32; bit++) {
    bool     known = (function->known_flags >> bit & 1) != 0;
    uint8_t  mark = (uint8_t)(1u << bit % 8);
    layout_t layout = {function, size, size, function->flags_at + bit / 8, mark, {NULL, 0, NULL, 0}};
    char     what[64];
    snprintf(what, sizeof what, "flag %u", bit);
    try_layout(layout, known ? BLOBFERRY_OK : BLOBFERRY_E_ARGUMENT, what);
    if (function->reserved_at == 0) continue;
    layout.mark_at = function->reserved_at + bit / 8;
    try_layout(layout, BLOBFERRY_E_ARGUMENT, "a reserved bit");
  }
}

static void short_option_structs_are_refused(void) { for_each_struct(check_short); }
static void longer_option_structs_are_taken_if_their_tail_is_zero(void) { for_each_struct(check_long); }
static void huge_option_structs_are_refused_unread(void) { for_each_struct(check_huge); }
static void unknown_flags_and_reserved_words_are_refused(void) { for_each_struct(check_flags); }

/* The structs that a call fills say their size too. */
static void output_structs_must_say_their_size(void) {
  blobferry_live_counts_t     counts = BLOBFERRY_LIVE_COUNTS_INIT;
  blobferry_service_options_t settings = BLOBFERRY_SERVICE_OPTIONS_INIT;
  blobferry_service_usage_t   usage = BLOBFERRY_SERVICE_USAGE_INIT;
  blobferry_service_t        *service = new_service();
  const size_t                bad[] = {0, 1, 8, 0};
  for (int i = 0; i < 4; i++) {
    counts.struct_size = i == 3 ? sizeof counts - 1 : bad[i];
    settings.struct_size = i == 3 ? sizeof settings - 1 : bad[i];
    usage.struct_size = i == 3 ? sizeof usage - 1 : bad[i];
    counts.handles = settings.max_credits = usage.credits_used = 4711;
    CHECK_STATUS(blobferry_live_counts(&counts), BLOBFERRY_E_ARGUMENT);
    CHECK_STATUS(blobferry_service_settings(service, &settings, NULL), BLOBFERRY_E_ARGUMENT);
    CHECK_STATUS(blobferry_service_usage(service, &usage, NULL), BLOBFERRY_E_ARGUMENT);
    CHECK(counts.handles == 4711 && settings.max_credits == 4711 && usage.credits_used == 4711);
  }
  blobferry_service_free(service);
}

/* -- choices and numbers --------------------------------------------------------------------------------- */

static int wake_nobody(void *argument) { return argument != NULL; }

static void deliver_to_nobody(void *argument, const blobferry_completion_t *completions, size_t count) {
  (void)argument, (void)completions, (void)count;
}

static void set_cq_options(arguments_t *a, const void *options) {
  a->options.cq = *(const blobferry_cq_options_t *)options;
}

static void wakes_that_contradict_themselves_are_refused(void) {
  const size_t           size = sizeof(blobferry_cq_options_t);
  blobferry_cq_options_t bad[] = {
      {size, 4, 4, NULL, NULL, NULL, NULL, 0, 0},
      {size, 4, UINT32_MAX, NULL, NULL, NULL, NULL, 0, 0},
      {size, 4, BLOBFERRY_WAKE_FN, NULL, NULL, NULL, NULL, 0, 0},
      {size, 4, BLOBFERRY_WAKE_CALLBACK, NULL, NULL, NULL, NULL, 0, 0},
      {size, 4, BLOBFERRY_WAKE_NONE, wake_nobody, NULL, NULL, NULL, 0, 0},
      {size, 4, BLOBFERRY_WAKE_FD, wake_nobody, NULL, NULL, NULL, 0, 0},
      {size, 4, BLOBFERRY_WAKE_CALLBACK, wake_nobody, NULL, deliver_to_nobody, NULL, 0, 0},
      {size, 4, BLOBFERRY_WAKE_NONE, NULL, NULL, deliver_to_nobody, NULL, 0, 0},
      {size, 4, BLOBFERRY_WAKE_FD, NULL, NULL, deliver_to_nobody, NULL, 0, 0},
      {size, 4, BLOBFERRY_WAKE_FN, wake_nobody, NULL, deliver_to_nobody, NULL, 0, 0},
  };
  blobferry_cq_options_t good[] = {
      {size, 4, BLOBFERRY_WAKE_FN, wake_nobody, NULL, NULL, NULL, 0, 0},
      {size, 4, BLOBFERRY_WAKE_CALLBACK, NULL, NULL, deliver_to_nobody, NULL, 0, 0},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    try_with(row_of("blobferry_cq_new"), set_cq_options, &bad[i], BLOBFERRY_E_ARGUMENT, "a wake that is wrong");
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    try_with(row_of("blobferry_cq_new"), set_cq_options, &good[i], BLOBFERRY_OK, "a wake that is right");
}

static void set_put_options(arguments_t *a, const void *options) {
  a->options.put = *(const blobferry_put_options_t *)options;
}

static void puts_that_contradict_themselves_are_refused(void) {
  static const blobferry_pair_t twice[] = {{"key", "one"}, {"other", "two"}, {"key", "three"}};
  const size_t                  size = sizeof(blobferry_put_options_t);
  blobferry_put_options_t       bad[] = {
      {size, 0, NULL, NULL, NULL, 0, 3, 0, NULL, NULL, NULL, NULL, NULL, 0},
      {size, 0, NULL, NULL, NULL, 0, UINT32_MAX, 0, NULL, NULL, NULL, NULL, NULL, 0},
      {size, 0, NULL, NULL, NULL, 0, BLOBFERRY_PUT_UPDATE, 0, NULL, NULL, NULL, NULL, NULL, 0},
      {size, 0, "revision", NULL, NULL, 0, BLOBFERRY_PUT_OVERWRITE, 0, NULL, NULL, NULL, NULL, NULL, 0},
      {size, 0, "revision", NULL, NULL, 0, BLOBFERRY_PUT_CREATE, 0, NULL, NULL, NULL, NULL, NULL, 0},
      {size, 0, NULL, NULL, NULL, 1, BLOBFERRY_PUT_OVERWRITE, 0, NULL, NULL, NULL, NULL, NULL, 0},
      {size, 0, NULL, NULL, twice, 3, BLOBFERRY_PUT_OVERWRITE, 0, NULL, NULL, NULL, NULL, NULL, 0},
  };
  blobferry_put_options_t good = BLOBFERRY_PUT_OPTIONS_INIT;
  good.metadata = twice;
  good.metadata_count = 2;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    try_with(row_of("blobferry_object_put"), set_put_options, &bad[i], BLOBFERRY_E_ARGUMENT, "a put that is wrong");
  try_with(row_of("blobferry_object_put"), set_put_options, &good, BLOBFERRY_OK, "a put that is right");
}

static void set_service_options(arguments_t *a, const void *options) {
  a->options.service = *(const blobferry_service_options_t *)options;
}

static void services_out_of_bounds_are_refused(void) {
  const size_t                size = sizeof(blobferry_service_options_t);
  blobferry_service_options_t bad[] = {
      {size, UINT32_MAX, 0, 0, 0, 0, 0, 0},
      {size, 0, UINT32_MAX, 0, 0, 0, 0, 0},
      {size, 0, 0, UINT32_MAX, 0, 0, 0, 0},
  };
  blobferry_service_options_t good = {size, 1, 1, 1, 1, 1, 0, 0};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    try_with(row_of("blobferry_service_new"), set_service_options, &bad[i], BLOBFERRY_E_ARGUMENT, "far too many");
  try_with(row_of("blobferry_service_new"), set_service_options, &good, BLOBFERRY_OK, "one of everything");
}

static void set_get_options(arguments_t *a, const void *options) {
  a->options.get = *(const blobferry_get_options_t *)options;
}

/* No number may overflow: the greatest are far away, not wrong. */
static void the_greatest_numbers_are_taken(void) {
  const size_t            size = sizeof(blobferry_get_options_t);
  blobferry_get_options_t good[] = {
      {size, UINT64_MAX, 0, UINT64_MAX, 0, 0, 0, NULL, NULL, 0, 0, NULL, 0},
      {size, 0, 0, UINT64_MAX - 1, UINT64_MAX, UINT32_MAX, 0, NULL, NULL, 0, 0, NULL, 0},
      {size, 0, 99, UINT64_MAX - 1, 1, 1, 0, NULL, NULL, 0, 0, NULL, 0},
      {size, INT64_MAX, 1, UINT64_MAX, UINT64_MAX - 1, UINT32_MAX, 0, NULL, NULL, 0, 0, NULL, 0},
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    try_with(row_of("blobferry_object_get"), set_get_options, &good[i], BLOBFERRY_OK, "great numbers");
  fixture_t              fixture = in_memory();
  blobferry_completion_t completion;
  size_t                 count = 0;
  CHECK_STATUS(blobferry_cq_wait(fixture.cq, &completion, 1, 0, &count, NULL), BLOBFERRY_OK);
  must_ping(fixture.store, fixture.cq, 1);
  CHECK_STATUS(blobferry_cq_wait(fixture.cq, &completion, 1, INT64_MAX, &count, NULL), BLOBFERRY_OK);
  check_ping(&completion, 1);
  must_ping(fixture.store, fixture.cq, 2);
  CHECK_STATUS(blobferry_cq_wait(fixture.cq, &completion, 1, INT64_MIN, &count, NULL), BLOBFERRY_OK);
  check_ping(&completion, 2);
  CHECK_STATUS(blobferry_service_drain(fixture.service, INT64_MAX, NULL), BLOBFERRY_OK);
  CHECK_STATUS(blobferry_service_drain(fixture.service, INT64_MIN, NULL), BLOBFERRY_OK);
  fixture_free(&fixture);
}

static void make_buffer_endless(arguments_t *a, const void *size) { a->size = *(const size_t *)size; }

/* No memory is that large; a slice of it would be a bug of its own. */
static void a_buffer_larger_than_memory_is_refused(void) {
  const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2 + 1};
  for (int i = 0; i < 2; i++) {
    try_with(row_of("blobferry_object_get"), make_buffer_endless, &sizes[i], BLOBFERRY_E_ARGUMENT, "an endless buffer");
    try_with(row_of("blobferry_object_put"), make_buffer_endless, &sizes[i], BLOBFERRY_E_ARGUMENT, "an endless buffer");
  }
}

TESTS(TEST(short_option_structs_are_refused), TEST(longer_option_structs_are_taken_if_their_tail_is_zero),
      TEST(what_an_older_caller_has_is_taken), TEST(huge_option_structs_are_refused_unread),
      TEST(unknown_flags_and_reserved_words_are_refused),
      TEST(output_structs_must_say_their_size), TEST(wakes_that_contradict_themselves_are_refused),
      TEST(puts_that_contradict_themselves_are_refused), TEST(services_out_of_bounds_are_refused),
      TEST(the_greatest_numbers_are_taken), TEST(a_buffer_larger_than_memory_is_refused))
