/*
 * A file that somebody else changes while a large get reads it: the get gives the
 * old bytes, all of them, or BLOBFERRY_E_CHANGED; never a mixture that is called
 * good.
 */
#include "folder.h"
#include "verbs.h"

typedef struct stage {
  fixture_t fixture;
  uint8_t  *old, *after; /* what the file holds before the change and after it */
  size_t    size, after_size;
  int       file;
  long      whole, changed;
} stage_t;

/* Changes the file, to `after`. */
typedef void (*change_fn)(const stage_t *stage);

#define MORE 1000

static stage_t new_stage(void) {
  stage_t stage;
  memset(&stage, 0, sizeof stage);
  stage.fixture = in_folder();
  stage.size = big_size(64 * MIB, 8 * MIB) + 12345;
  stage.old = malloc(stage.size);
  stage.after = malloc(stage.size + MORE);
  must_work(stage.old != NULL && stage.after != NULL, "malloc");
  fill_big(stage.old, stage.size, 1);
  memcpy(stage.after, stage.old, stage.size);
  stage.after_size = stage.size;
  stage.file = open(path_in(stage.fixture.folder, "a"), O_CREAT | O_RDWR, 0644);
  must_work(stage.file >= 0, "a");
  return stage;
}

static void write_all(const stage_t *stage, const uint8_t *data) {
  for (size_t at = 0; at < stage->size;) {
    ssize_t written = pwrite(stage->file, data + at, stage->size - at, (off_t)at);
    must_work(written > 0, "pwrite");
    at += (size_t)written;
  }
}

/* The old content, with a time long past: no clock is too coarse to see the change. */
static void restore(const stage_t *stage) {
  struct timespec past[2] = {{1000000000, 0}, {1000000000, 0}};
  write_all(stage, stage->old);
  must_work(ftruncate(stage->file, (off_t)stage->size) == 0, "ftruncate");
  must_work(futimens(stage->file, past) == 0, "futimens");
}

/* Opened twice: by this program, and by a get. False where the get has ended. */
static bool await_reader(const stage_t *stage) {
  while (usage_of(stage->fixture.service).requests_running > 0) {
    char           target[1024];
    int            readers = 0;
    struct dirent *entry;
    DIR           *descriptors = opendir("/proc/self/fd");
    while ((entry = readdir(descriptors)) != NULL) {
      ssize_t size = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1);
      if (size > 2 && strncmp(target, stage->fixture.folder, strlen(stage->fixture.folder)) == 0 &&
          target[size - 2] == '/' && target[size - 1] == 'a')
        readers++;
    }
    closedir(descriptors);
    if (readers > 1) return true;
  }
  return false;
}

static bool is_whole(const stage_t *stage, const uint8_t *data, uint64_t size) {
  return (size == stage->size && memcmp(data, stage->old, size) == 0) ||
         (size == stage->after_size && memcmp(data, stage->after, size) == 0);
}

static void get_while(stage_t *stage, change_fn change, guarded_t *memory, uint64_t dice) {
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  options.part_size = 256 << 10;
  options.max_in_flight = 1 + (uint32_t)(dice % 3);
  restore(stage);
  must(blobferry_object_get(stage->fixture.store, stage->fixture.cq, "a", memory->data, memory->size, &options, 0, NULL,
                            NULL), NULL, "blobferry_object_get");
  if (await_reader(stage)) {
    spin(dice % 2000000);
    change(stage);
  }
  blobferry_completion_t completion = wait_one(stage->fixture.cq);
  guarded_lock(memory);
  guarded_unlock(memory);
  if (completion.status == BLOBFERRY_OK) {
    stage->whole++;
    if (!is_whole(stage, memory->data, completion.result))
      FAIL("%llu bytes, a mixture of old and new, are called good", (unsigned long long)completion.result);
  } else {
    stage->changed++;
    CHECK_STATUS(completion.status, BLOBFERRY_E_CHANGED);
    CHECK_INT(blobferry_error_is_retryable(completion.error), 1);
  }
  dispose(&completion);
}

static void get_while_changing(stage_t *stage, change_fn change) {
  guarded_t memory = guarded_new(2 * stage->size);
  uint64_t  dice = test_seed();
  for (long round = rounds(30); round > 0; round--) {
    get_while(stage, change, &memory, roll(&dice, UINT32_MAX));
  }
  printf("(%ld whole, %ld changed)\n", stage->whole, stage->changed);
  if (rounds(30) >= 20) CHECK(stage->changed > 0); /* or the change was never met */
  close(stage->file);
  free(stage->old);
  free(stage->after);
  guarded_free(&memory);
  fixture_free(&stage->fixture);
}

static void rewrite(const stage_t *stage) { write_all(stage, stage->after); }

static void a_file_rewritten_in_place(void) {
  stage_t stage = new_stage();
  fill_big(stage.after, stage.size, 2);
  get_while_changing(&stage, rewrite);
}

static void rewrite_the_end(const stage_t *stage) {
  size_t at = stage->size - 100;
  must_work(pwrite(stage->file, stage->after + at, 100, (off_t)at) == 100, "pwrite");
}

static void a_file_whose_end_is_rewritten(void) {
  stage_t stage = new_stage();
  pattern_fill(stage.after + stage.size - 100, 100, 2);
  get_while_changing(&stage, rewrite_the_end);
}

static void cut(const stage_t *stage) {
  must_work(ftruncate(stage->file, (off_t)stage->after_size) == 0, "ftruncate");
}

static void a_file_that_is_cut(void) {
  stage_t stage = new_stage();
  stage.after_size = stage.size / 2;
  get_while_changing(&stage, cut);
}

static void append(const stage_t *stage) {
  must_work(pwrite(stage->file, stage->after + stage->size, MORE, (off_t)stage->size) == MORE, "pwrite");
}

static void a_file_that_grows(void) {
  stage_t stage = new_stage();
  pattern_fill(stage.after + stage.size, MORE, 2);
  stage.after_size = stage.size + MORE;
  get_while_changing(&stage, append);
}

TESTS(TEST(a_file_rewritten_in_place), TEST(a_file_whose_end_is_rewritten), TEST(a_file_that_is_cut),
      TEST(a_file_that_grows))
