/*
 * Memory that a request has used goes back on a thread of the caller: inside the call that takes the request's
 * completion, before the caller has it.
 */
#include "table_columns.h"
#include "verbs.h"

/* A writer, and the chunks that it is given. */
typedef struct setting {
  fixture_t                 fixture;
  given_t                   given;
  blobferry_table_writer_t *writer;
} setting_t;

static void begin(setting_t *s) {
  blobferry_error_t *error = NULL;
  memset(s, 0, sizeof *s);
  s->fixture = in_memory();
  text_column(&s->given);
  blobferry_status_t status =
      blobferry_table_writer_new(s->fixture.store, "table.arrows", s->given.root_schema, NULL, &s->writer, &error);
  must(status, error, "blobferry_table_writer_new");
  CHECK(s->given.root_schema->release == NULL);
  CHECK_INT(atomic_load(&s->given.tree.schemas_released), 1);
}

static void end(setting_t *s) {
  blobferry_table_writer_free(s->writer);
  fixture_free(&s->fixture);
  tree_free(&s->given.tree);
}

static blobferry_status_t write_to(setting_t *s, blobferry_cq_t *cq, struct ArrowArray *chunk, uint32_t flags) {
  blobferry_chunk_options_t options = BLOBFERRY_CHUNK_OPTIONS_INIT;
  options.flags = flags;
  return blobferry_table_writer_write(s->writer, cq, chunk, &options, 0, NULL, NULL);
}

static void a_chunk_is_back_when_its_completion_comes(void) {
  setting_t s;
  begin(&s);
  for (int i = 0; i < 50; i++) {
    struct ArrowArray chunk;
    copy_of_array(&s.given.tree, s.given.root, &chunk);
    must(write_to(&s, s.fixture.cq, &chunk, 0), NULL, "blobferry_table_writer_write");
    CHECK(chunk.release == NULL);
    /* Nobody but this thread releases it, and only in the call that takes the completion. */
    if (i % 2) usleep(2000);
    CHECK_INT(atomic_load(&s.given.tree.arrays_released), i);
    blobferry_completion_t completion = wait_one(s.fixture.cq);
    CHECK_INT(atomic_load(&s.given.tree.arrays_released), i + 1);
    CHECK(pthread_equal(s.given.tree.releaser, pthread_self()));
    CHECK_INT(completion.result, 3);
    check_outcome(completion, BLOBFERRY_OK, "");
  }
  end(&s);
}

static void a_chunk_for_any_thread_is_back_at_least_then(void) {
  setting_t s;
  begin(&s);
  for (int i = 0; i < 20; i++) {
    struct ArrowArray chunk;
    copy_of_array(&s.given.tree, s.given.root, &chunk);
    must(write_to(&s, s.fixture.cq, &chunk, BLOBFERRY_IMPORT_ANY_THREAD), NULL, "blobferry_table_writer_write");
    check_outcome(wait_one(s.fixture.cq), BLOBFERRY_OK, "");
    CHECK_INT(atomic_load(&s.given.tree.arrays_released), i + 1);
  }
  end(&s);
}

static void a_refused_chunk_stays_with_its_caller(void) {
  setting_t s;
  begin(&s);
  blobferry_cq_t   *full = new_cq(s.fixture.service, 1, BLOBFERRY_WAKE_NONE);
  struct ArrowArray chunk = *s.given.root;
  must(blobferry_object_exists(s.fixture.store, full, "nothing", NULL, 0, NULL, NULL), NULL, "blobferry_object_exists");
  CHECK_STATUS(write_to(&s, full, &chunk, 0), BLOBFERRY_E_BUSY);
  CHECK(memcmp(&chunk, s.given.root, sizeof chunk) == 0);
  chunk.children[0]->length = -1;
  CHECK_STATUS(write_to(&s, s.fixture.cq, &chunk, 0), BLOBFERRY_E_ARGUMENT);
  CHECK(memcmp(&chunk, s.given.root, sizeof chunk) == 0);
  CHECK_INT(atomic_load(&s.given.tree.arrays_released), 0);
  chunk.children[0]->length = 3;
  must(write_to(&s, s.fixture.cq, &chunk, 0), NULL, "blobferry_table_writer_write");
  check_outcome(wait_one(s.fixture.cq), BLOBFERRY_OK, "");
  CHECK_INT(atomic_load(&s.given.tree.arrays_released), 1);
  blobferry_completion_t completion = wait_one(full);
  dispose(&completion);
  blobferry_cq_free(full);
  end(&s);
}

/* Nobody takes the completion: the queue, or the service, gives the chunk back. */
static void a_queue_that_is_freed_gives_back_what_it_has(void) {
  setting_t s;
  begin(&s);
  blobferry_cq_t   *cq = new_cq(s.fixture.service, 1, BLOBFERRY_WAKE_NONE);
  struct ArrowArray chunk = *s.given.root;
  must(write_to(&s, cq, &chunk, 0), NULL, "blobferry_table_writer_write");
  blobferry_cq_free(cq);
  CHECK_INT(atomic_load(&s.given.tree.arrays_released), 1);
  CHECK(pthread_equal(s.given.tree.releaser, pthread_self()));
  end(&s);
}

typedef struct seen {
  setting_t *setting;
  atomic_int completions;
  int        released;
  pthread_t  thread;
} seen_t;

static void see(void *argument, const blobferry_completion_t *completions, size_t count) {
  seen_t *seen = argument;
  seen->thread = pthread_self();
  seen->released = atomic_load(&seen->setting->given.tree.arrays_released);
  for (size_t i = 0; i < count; i++) blobferry_error_free(completions[i].error);
  atomic_fetch_add(&seen->completions, (int)count);
}

static void a_callback_queue_gives_back_on_its_thread(void) {
  setting_t s;
  begin(&s);
  seen_t            seen = {.setting = &s};
  blobferry_cq_t   *cq = new_callback_cq(s.fixture.service, 4, see, &seen);
  struct ArrowArray chunk = *s.given.root;
  must(write_to(&s, cq, &chunk, 0), NULL, "blobferry_table_writer_write");
  while (atomic_load(&seen.completions) == 0) usleep(1000);
  CHECK_INT(seen.released, 1);
  CHECK(pthread_equal(seen.thread, s.given.tree.releaser));
  blobferry_cq_free(cq);
  end(&s);
}

/* A table that only a request still uses: what takes the completion gives the memory back. */
static void a_table_freed_before_its_request_is_given_back_by_the_consumer(void) {
  setting_t s;
  begin(&s);
  given_t g = {0};
  text_column(&g);
  blobferry_table_t *table = must_import(s.fixture.service, &g, 0);
  must(blobferry_table_put(s.fixture.store, s.fixture.cq, "other.arrows", table, NULL, 0, NULL, NULL), NULL,
       "blobferry_table_put");
  blobferry_table_free(table);
  check_outcome(wait_one(s.fixture.cq), BLOBFERRY_OK, "");
  /* The request may let go a moment after its completion: the next call has it then. */
  must(blobferry_service_drain(s.fixture.service, -1, NULL), NULL, "blobferry_service_drain");
  size_t                 count = 0;
  blobferry_completion_t none;
  while (atomic_load(&g.tree.arrays_released) == 0) blobferry_cq_drain(s.fixture.cq, &none, 1, &count, NULL);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  CHECK(pthread_equal(g.tree.releaser, pthread_self()));
  tree_free(&g.tree);
  end(&s);
}

TESTS(TEST(a_chunk_is_back_when_its_completion_comes), TEST(a_chunk_for_any_thread_is_back_at_least_then),
      TEST(a_refused_chunk_stays_with_its_caller), TEST(a_queue_that_is_freed_gives_back_what_it_has),
      TEST(a_callback_queue_gives_back_on_its_thread),
      TEST(a_table_freed_before_its_request_is_given_back_by_the_consumer))
