/*
 * Arrow structs by hand: trees of schemas and arrays whose memory belongs to the test, and which count how often, and
 * on which thread, they are released. Every buffer is a block of its own, so that AddressSanitizer sees a read beyond
 * it.
 */
#ifndef TESTS_C_ARROW_STRUCTS_H
#define TESTS_C_ARROW_STRUCTS_H

#include "harness.h"

#include <stdarg.h>

/* What structs are made of, and what became of them. */
typedef struct tree {
  void    **blocks;
  size_t    block_count;
  atomic_int schemas_released;
  atomic_int arrays_released;
  _Atomic(pthread_t) releaser; /* of the last one */
} tree_t;

static inline void *tree_take(tree_t *tree, size_t size) {
  void *block = calloc(1, size > 0 ? size : 1);
  /* Room for twice as many whenever it is full, which is at each power of two. */
  if ((tree->block_count & (tree->block_count - 1)) == 0)
    tree->blocks = realloc(tree->blocks, (tree->block_count * 2 + 1) * sizeof(void *));
  if (block == NULL || tree->blocks == NULL) exit(2);
  tree->blocks[tree->block_count++] = block;
  return block;
}

static inline void *tree_copy(tree_t *tree, const void *data, size_t size) {
  void *copy = tree_take(tree, size);
  if (size > 0) memcpy(copy, data, size);
  return copy;
}

static inline void tree_free(tree_t *tree) {
  for (size_t i = 0; i < tree->block_count; i++) free(tree->blocks[i]);
  free(tree->blocks);
  memset(tree, 0, sizeof *tree);
}

/* A buffer of these values. */
#define VALUES(tree, type, ...) \
  tree_copy(tree, (const type[]){__VA_ARGS__}, sizeof((const type[]){__VA_ARGS__}))
#define TEXT_BYTES(tree, text) tree_copy(tree, text, sizeof(text) - 1)

/* -- what producers do when they release ------------------------------------------------------------------------ */

static inline void mark_schema(struct ArrowSchema *schema) {
  if (schema == NULL || schema->release == NULL) return;
  schema->release = NULL;
  for (int64_t i = 0; i < schema->n_children; i++) mark_schema(schema->children[i]);
  mark_schema(schema->dictionary);
}

static inline void release_schema(struct ArrowSchema *schema) {
  tree_t *tree = schema->private_data;
  CHECK(schema->release != NULL);
  atomic_fetch_add(&tree->schemas_released, 1);
  mark_schema(schema);
}

static inline void mark_array(struct ArrowArray *array) {
  if (array == NULL || array->release == NULL) return;
  array->release = NULL;
  for (int64_t i = 0; i < array->n_children; i++) mark_array(array->children[i]);
  mark_array(array->dictionary);
}

/* A producer may reuse its memory once it is released: what is read afterwards is not what it was. */
static inline void release_array(struct ArrowArray *array) {
  tree_t *tree = array->private_data;
  CHECK(array->release != NULL);
  tree->releaser = pthread_self();
  atomic_fetch_add(&tree->arrays_released, 1);
  mark_array(array);
}

/* -- making them ------------------------------------------------------------------------------------------------ */

/* A schema with `count` children, which follow. */
static inline struct ArrowSchema *new_schema(tree_t *tree, const char *format, const char *name, int count, ...) {
  struct ArrowSchema *schema = tree_take(tree, sizeof *schema);
  va_list             children;
  schema->format = tree_copy(tree, format, strlen(format) + 1);
  schema->name = tree_copy(tree, name, strlen(name) + 1);
  schema->flags = ARROW_FLAG_NULLABLE;
  schema->n_children = count;
  schema->children = count > 0 ? tree_take(tree, (size_t)count * sizeof(void *)) : NULL;
  schema->release = release_schema;
  schema->private_data = tree;
  va_start(children, count);
  for (int i = 0; i < count; i++) schema->children[i] = va_arg(children, struct ArrowSchema *);
  va_end(children);
  return schema;
}

/* An array with these buffers, the validity among them, and `count` children, which follow. */
static inline struct ArrowArray *new_array(tree_t *tree, int64_t length, const void *const *buffers,
                                           size_t buffer_count, int count, ...) {
  struct ArrowArray *array = tree_take(tree, sizeof *array);
  va_list            children;
  array->length = length;
  array->null_count = -1;
  array->n_buffers = (int64_t)buffer_count;
  array->buffers = tree_copy(tree, buffers, buffer_count * sizeof(void *));
  array->n_children = count;
  array->children = count > 0 ? tree_take(tree, (size_t)count * sizeof(void *)) : NULL;
  array->release = release_array;
  array->private_data = tree;
  va_start(children, count);
  for (int i = 0; i < count; i++) array->children[i] = va_arg(children, struct ArrowArray *);
  va_end(children);
  return array;
}

#define BUFFERS(...) (const void *const[]){__VA_ARGS__}, sizeof((const void *const[]){__VA_ARGS__}) / sizeof(void *)
#define NO_BUFFERS NULL, 0

/* -- a table of one column --------------------------------------------------------------------------------------- */

/* What is given to an import: the column, and the struct around it. */
typedef struct given {
  tree_t              tree;
  struct ArrowSchema *s, *root_schema;
  struct ArrowArray  *a, *root;
} given_t;

static inline void set_column(given_t *g, struct ArrowSchema *schema, struct ArrowArray *array) {
  g->s = schema;
  g->a = array;
  g->root_schema = new_schema(&g->tree, "+s", "", 1, schema);
  g->root = new_array(&g->tree, array->length, BUFFERS(NULL), 1, array);
}

static inline void int64_column(given_t *g) {
  set_column(g, new_schema(&g->tree, "l", "x", 0),
             new_array(&g->tree, 4, BUFFERS(NULL, VALUES(&g->tree, int64_t, 1, -2, 3, 4)), 0));
}

/* "één", "", "drie": characters of two bytes at places that matter. */
static inline void text_column(given_t *g) {
  set_column(g, new_schema(&g->tree, "u", "x", 0),
             new_array(&g->tree, 3,
                       BUFFERS(NULL, VALUES(&g->tree, int32_t, 0, 5, 5, 9),
                               TEXT_BYTES(&g->tree, "\xc3\xa9\xc3\xa9ndrie")), 0));
}

static inline blobferry_status_t import_with(blobferry_service_t *service, given_t *g, uint32_t flags,
                                             blobferry_table_t **table, blobferry_error_t **error) {
  blobferry_import_options_t options = BLOBFERRY_IMPORT_OPTIONS_INIT;
  options.flags = flags;
  return blobferry_table_import(service, g->root_schema, g->root, 1, &options, table, error);
}

static inline blobferry_table_t *must_import(blobferry_service_t *service, given_t *g, uint32_t flags) {
  blobferry_table_t *table = NULL;
  blobferry_error_t *error = NULL;
  blobferry_status_t status = import_with(service, g, flags, &table, &error);
  must(status, error, "blobferry_table_import");
  return table;
}

/* -- streams by hand ---------------------------------------------------------------------------------------------- */

/* Gives the same chunk a number of times, each time as a new struct, then what it is told to. */
typedef struct stream {
  given_t  *given;
  int       chunks;     /* still to be given */
  int       fails_with; /* instead of the end; 0 = none */
  const char *error;
  int       is_slow;    /* milliseconds in each get_next */
  int       is_schema_failing;
  atomic_int calls;     /* of get_next that have begun */
  atomic_int running;   /* of get_next that have not returned */
  atomic_int released;
  pthread_t puller;
} stream_t;

static inline void copy_of_schema(tree_t *tree, const struct ArrowSchema *from, struct ArrowSchema *to) {
  *to = *from;
  to->children = from->n_children > 0 ? tree_take(tree, (size_t)from->n_children * sizeof(void *)) : NULL;
  for (int64_t i = 0; i < from->n_children; i++) {
    to->children[i] = tree_take(tree, sizeof *to);
    copy_of_schema(tree, from->children[i], to->children[i]);
  }
  if (from->dictionary == NULL) return;
  to->dictionary = tree_take(tree, sizeof *to);
  copy_of_schema(tree, from->dictionary, to->dictionary);
}

static inline void copy_of_array(tree_t *tree, const struct ArrowArray *from, struct ArrowArray *to) {
  *to = *from;
  to->children = from->n_children > 0 ? tree_take(tree, (size_t)from->n_children * sizeof(void *)) : NULL;
  for (int64_t i = 0; i < from->n_children; i++) {
    to->children[i] = tree_take(tree, sizeof *to);
    copy_of_array(tree, from->children[i], to->children[i]);
  }
  if (from->dictionary == NULL) return;
  to->dictionary = tree_take(tree, sizeof *to);
  copy_of_array(tree, from->dictionary, to->dictionary);
}

static inline int stream_schema(struct ArrowArrayStream *self, struct ArrowSchema *out) {
  stream_t *stream = self->private_data;
  if (stream->is_schema_failing) return 22;
  copy_of_schema(&stream->given->tree, stream->given->root_schema, out);
  return 0;
}

static inline int stream_next(struct ArrowArrayStream *self, struct ArrowArray *out) {
  stream_t *stream = self->private_data;
  atomic_fetch_add(&stream->running, 1);
  atomic_fetch_add(&stream->calls, 1);
  stream->puller = pthread_self();
  if (stream->is_slow > 0) usleep((useconds_t)stream->is_slow * 1000);
  int code = 0;
  if (stream->chunks > 0) {
    stream->chunks--;
    copy_of_array(&stream->given->tree, stream->given->root, out);
  } else if (stream->fails_with != 0)
    code = stream->fails_with;
  else
    memset(out, 0, sizeof *out);
  atomic_fetch_sub(&stream->running, 1);
  return code;
}

static inline const char *stream_error(struct ArrowArrayStream *self) {
  return ((stream_t *)self->private_data)->error;
}

static inline void stream_release(struct ArrowArrayStream *self) {
  stream_t *stream = self->private_data;
  CHECK(self->release != NULL);
  CHECK_INT(atomic_load(&stream->running), 0);
  atomic_fetch_add(&stream->released, 1);
  self->release = NULL;
}

static inline struct ArrowArrayStream as_stream(stream_t *stream) {
  return (struct ArrowArrayStream){stream_schema, stream_next, stream_error, stream_release, stream};
}

#endif
