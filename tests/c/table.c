/*
 * The life of a table: who has its memory, when it is released, how often, and on which thread.
 */
#include "table_columns.h"

#include <sys/wait.h>

static uint64_t leases(void) {
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  CHECK_STATUS(blobferry_live_counts(&counts), BLOBFERRY_OK);
  return counts.leases;
}

static struct ArrowArray must_export(const blobferry_table_t *table) {
  struct ArrowArray  out;
  blobferry_error_t *error = NULL;
  must(blobferry_table_export_chunk(table, 0, NULL, &out, &error), error, "blobferry_table_export_chunk");
  return out;
}

static void memory_is_released_by_the_last_free_on_its_thread(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0};
  int64_column(&g);
  blobferry_table_t *table = must_import(service, &g, 0);
  CHECK_INT(atomic_load(&g.tree.schemas_released), 1);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 0);
  CHECK_INT(leases(), 1);
  blobferry_table_free(table);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  CHECK(pthread_equal(g.tree.releaser, pthread_self()));
  CHECK_INT(leases(), 0);
  blobferry_service_free(service);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  tree_free(&g.tree);
}

static void *release_elsewhere(void *array) {
  ((struct ArrowArray *)array)->release(array);
  return NULL;
}

static void an_exported_array_keeps_the_memory_beyond_table_and_service(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0};
  pthread_t            other;
  int64_column(&g);
  const int64_t     *values = g.a->buffers[1];
  blobferry_table_t *table = must_import(service, &g, 0);
  struct ArrowArray  first = must_export(table), second = must_export(table);
  blobferry_table_free(table);
  blobferry_service_free(service);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 0);
  CHECK(first.children[0]->buffers[1] == values);
  CHECK_INT(((const int64_t *)second.children[0]->buffers[1])[1], -2);
  first.release(&first);
  CHECK(first.release == NULL);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 0);
  pthread_create(&other, NULL, release_elsewhere, &second);
  pthread_join(other, NULL);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  CHECK(pthread_equal(g.tree.releaser, other));
  tree_free(&g.tree);
}

static void a_table_may_be_freed_after_its_service(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0};
  text_column(&g);
  blobferry_table_t *table = must_import(service, &g, 0);
  blobferry_service_free(service);
  CHECK_INT(blobferry_table_rows(table), 3);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 0);
  blobferry_table_free(table);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  tree_free(&g.tree);
}

static void borrowed_structs_need_no_callback_of_the_producer(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0};
  dictionary_column(&g);
  g.root_schema->release = g.s->release = g.s->dictionary->release = blobferry_schema_release_borrowed;
  g.root->release = g.a->release = g.a->dictionary->release = blobferry_array_release_borrowed;
  blobferry_table_t *table = must_import(service, &g, 0);
  CHECK(g.root_schema->release == NULL && g.s->release == NULL && g.s->dictionary->release == NULL);
  CHECK(g.root->release == NULL && g.a->release != NULL && g.a->dictionary->release != NULL);
  blobferry_table_free(table);
  CHECK(g.a->release == NULL && g.a->dictionary->release == NULL);
  CHECK_INT(atomic_load(&g.tree.schemas_released) + atomic_load(&g.tree.arrays_released), 0);
  blobferry_service_free(service);
  tree_free(&g.tree);
}

static void a_borrowed_struct_releases_children_of_others(void) {
  given_t g = {0};
  list_column(&g);
  g.root_schema->release = g.s->release = blobferry_schema_release_borrowed;
  g.root->release = g.a->release = blobferry_array_release_borrowed;
  blobferry_schema_release_borrowed(g.root_schema);
  blobferry_array_release_borrowed(g.root);
  CHECK(g.s->release == NULL && g.s->children[0]->release == NULL);
  CHECK(g.a->release == NULL && g.a->children[0]->release == NULL);
  CHECK_INT(atomic_load(&g.tree.schemas_released), 1);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  tree_free(&g.tree);
}

static void a_borrowed_struct_that_contains_itself_comes_to_an_end(void) {
  given_t g = {0};
  int64_column(&g);
  g.root_schema->release = g.s->release = blobferry_schema_release_borrowed;
  g.root->release = g.a->release = blobferry_array_release_borrowed;
  g.root_schema->children[0] = g.root_schema;
  g.root->dictionary = g.root;
  blobferry_schema_release_borrowed(g.root_schema);
  blobferry_array_release_borrowed(g.root);
  CHECK(g.root_schema->release == NULL && g.root->release == NULL && g.a->release == NULL);
  tree_free(&g.tree);
}

static void a_table_of_no_chunks_has_a_schema(void) {
  blobferry_service_t    *service = new_service();
  given_t                 g = {0};
  blobferry_table_t      *table = NULL;
  struct ArrowArrayStream stream;
  struct ArrowSchema      schema;
  struct ArrowArray       array;
  blobferry_error_t      *error = NULL;
  int64_column(&g);
  must(blobferry_table_import(service, g.root_schema, NULL, 0, NULL, &table, NULL), NULL, "blobferry_table_import");
  CHECK(g.root->release != NULL);
  CHECK_INT(blobferry_table_rows(table), 0);
  CHECK_INT(blobferry_table_chunks(table), 0);
  CHECK_STATUS(blobferry_table_export_chunk(table, 0, NULL, &array, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "has 0 chunks");
  must(blobferry_table_export(table, &stream, NULL), NULL, "blobferry_table_export");
  CHECK_INT(stream.get_schema(&stream, &schema), 0);
  CHECK_TEXT(schema.children[0]->name, "x");
  CHECK_INT(stream.get_next(&stream, &array), 0);
  CHECK(array.release == NULL);
  schema.release(&schema);
  stream.release(&stream);
  blobferry_table_free(table);
  blobferry_service_free(service);
  tree_free(&g.tree);
}

/* What a release frees besides. */
static blobferry_table_t *freed_by_release;

static void release_that_frees(struct ArrowArray *array) {
  blobferry_table_free(freed_by_release);
  freed_by_release = NULL;
  release_array(array);
}

static void a_release_may_free_another_table(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0}, other = {0};
  int64_column(&g);
  int64_column(&other);
  g.root->release = release_that_frees;
  freed_by_release = must_import(service, &other, 0);
  blobferry_table_free(must_import(service, &g, 0));
  CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
  CHECK_INT(atomic_load(&other.tree.arrays_released), 1);
  blobferry_service_free(service);
  tree_free(&g.tree);
  tree_free(&other.tree);
}

/* The numbers of a struct are of a part of its columns. */
static void a_chunk_may_begin_in_the_middle_of_its_columns(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0};
  int64_column(&g);
  const int64_t *values = g.a->buffers[1];
  g.root->offset = 1;
  g.root->length = 2;
  blobferry_table_t *table = must_import(service, &g, 0);
  struct ArrowArray  out = must_export(table);
  CHECK_INT(blobferry_table_rows(table), 2);
  CHECK_INT(out.length, 2);
  const struct ArrowArray *column = out.children[0];
  CHECK((const int64_t *)column->buffers[1] + out.offset + column->offset == values + 1);
  out.release(&out);
  blobferry_table_free(table);
  blobferry_service_free(service);
  tree_free(&g.tree);
}

#define ROUNDS 200

static void *import_and_free(void *service) {
  for (int i = 0; i < ROUNDS; i++) {
    given_t g = {0};
    text_column(&g);
    blobferry_table_t *table = must_import(service, &g, i % 2 ? BLOBFERRY_IMPORT_ANY_THREAD : 0);
    struct ArrowArray  out = must_export(table);
    blobferry_table_free(table);
    out.release(&out);
    CHECK_INT(atomic_load(&g.tree.arrays_released), 1);
    tree_free(&g.tree);
  }
  return NULL;
}

static void many_threads_import_and_free(void) {
  blobferry_service_t *service = new_service();
  pthread_t            threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, import_and_free, service);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  blobferry_service_free(service);
}

static void a_forked_child_imports_nothing_and_frees_what_it_has(void) {
  blobferry_service_t *service = new_service();
  given_t              g = {0}, other = {0};
  int                  how = 0;
  int64_column(&g);
  int64_column(&other);
  blobferry_table_t *table = must_import(service, &g, 0);
  pid_t              child = fork();
  if (child == 0) {
    blobferry_table_t *of_child = NULL;
    bool               is_refused = import_with(service, &other, 0, &of_child, NULL) == BLOBFERRY_E_FORKED;
    struct ArrowArray  out = must_export(table);
    out.release(&out);
    blobferry_table_free(table);
    leave_as_another(is_refused && other.root->release != NULL && atomic_load(&g.tree.arrays_released) == 1);
  }
  CHECK(waitpid(child, &how, 0) == child && how == 0);
  CHECK_INT(atomic_load(&g.tree.arrays_released), 0);
  blobferry_table_free(table);
  blobferry_service_free(service);
  tree_free(&g.tree);
  tree_free(&other.tree);
}

TESTS(TEST(memory_is_released_by_the_last_free_on_its_thread),
      TEST(an_exported_array_keeps_the_memory_beyond_table_and_service), TEST(a_table_may_be_freed_after_its_service),
      TEST(borrowed_structs_need_no_callback_of_the_producer), TEST(a_borrowed_struct_releases_children_of_others),
      TEST(a_borrowed_struct_that_contains_itself_comes_to_an_end), TEST(a_table_of_no_chunks_has_a_schema),
      TEST(a_release_may_free_another_table), TEST(a_chunk_may_begin_in_the_middle_of_its_columns),
      TEST(many_threads_import_and_free), TEST(a_forked_child_imports_nothing_and_frees_what_it_has))
