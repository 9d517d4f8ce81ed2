/*
 * Arrow structs that may be wrong in everything that the import says it checks. What
 * nobody can check is kept: pointers that are not NULL point to memory, and buffers
 * are large enough for lengths, offsets and values, none of which is between what is
 * there and what overflows.
 */
#include "fuzz.h"

#include <sys/mman.h>

#define NODES 24
#define TEXT 24
#define REGION (4u << 20)

typedef struct node {
  struct ArrowSchema  schema;
  struct ArrowArray   array;
  struct ArrowSchema *schemas[4];
  struct ArrowArray  *arrays[4];
  const void         *buffers[6];
  char                format[TEXT], name[TEXT];
  char                metadata[64];
} node_t;

typedef struct input {
  const uint8_t *data;
  size_t         size, used;
} input_t;

static node_t   nodes[NODES];
static int      node_count;
/* REGION bytes each, of numbers that offsets, indices and the like can be, and of bytes as they come. */
static uint8_t *small_bytes, *narrow, *wide, *views, *ascending, *raw;
static int64_t  view_sizes[4];

static int schema_releases, array_releases;

static void release_schema(struct ArrowSchema *schema) {
  schema_releases++;
  schema->release = NULL;
}

static void release_array(struct ArrowArray *array) {
  array_releases++;
  array->release = NULL;
}

static uint8_t byte(input_t *input) { return input->used < input->size ? input->data[input->used++] : 0; }

/* An input that is at its end asks for nothing unusual. */
static bool rarely(input_t *input, int of_256) { return byte(input) >= 256 - of_256; }

/* Mostly `usual`, and now and then a number that nothing can be. */
static int64_t number(input_t *input, int64_t usual) {
  static const int64_t odd[] = {0, 1, -1, -2, INT64_MIN, INT64_MAX, INT64_MAX - 1, 2, 3, -100};
  uint8_t              choice = byte(input);
  return choice < 232 ? usual : odd[choice % (sizeof odd / sizeof *odd)];
}

static const char *const formats[] = {
    "n",       "b",       "c",       "C",      "s",     "S",     "i",    "I",   "l",   "L",    "e",     "f",       "g",
    "u",       "U",       "z",       "Z",      "vu",    "vz",    "w:3",  "w:0", "w:-1", "w:",   "d:9,2", "d:38,10", "d:99,2",
    "d:76,5,256", "d:7,2,32", "d:15,3,64", "d:0,0", "d:5", "tdD",   "tdm",  "tts", "ttm", "ttu",  "ttn",   "tss:",    "tsm:UTC",
    "tsu:Europe/Zurich", "tsn:+05:30", "tsn:Nowhere/Else", "tDs", "tDn", "tiM",  "tiD", "tin", "+l",  "+L",   "+vl",    "+vL",
    "+w:2",    "+w:0",    "+w:-1",   "+s",     "+m",    "+r",    "+ud:0,1", "+us:0,1", "+us:5,5", "+ud:", "+us:0,1,2", "x", "", "+", "tsq:"};

static bool begins(const char *text, const char *part) { return strncmp(text, part, strlen(part)) == 0; }

/* How a buffer of a type is filled, by its place: what is an offset is never a large number. */
static const uint8_t *content(const char *format, int place) {
  if (begins(format, "+u")) return place == 0 ? small_bytes : narrow;
  if (place == 0) return raw;
  if (begins(format, "v")) return views;
  if (begins(format, "U") || begins(format, "Z") || begins(format, "+L") || begins(format, "+vL"))
    return place == 1 || format[0] == '+' ? wide : raw;
  if (begins(format, "u") || begins(format, "z") || format[0] == '+') return place == 1 || format[0] == '+' ? narrow : raw;
  if (begins(format, "l") || begins(format, "L")) return wide;
  if (begins(format, "i") || begins(format, "I")) return narrow;
  if (begins(format, "c") || begins(format, "C") || begins(format, "d:")) return small_bytes;
  return raw;
}

static int usual_buffers(const char *format) {
  if (begins(format, "n") || begins(format, "+r")) return 0;
  if (begins(format, "+us")) return 1;
  if (begins(format, "+ud")) return 2;
  if (begins(format, "+s") || begins(format, "+w")) return 1;
  if (begins(format, "+v")) return 3;
  if (begins(format, "u") || begins(format, "U") || begins(format, "z") || begins(format, "Z")) return 3;
  if (begins(format, "v")) return 4;
  return 2;
}

static int usual_children(const char *format) {
  if (format[0] != '+') return 0;
  return begins(format, "+s") ? 2 : begins(format, "+u") || begins(format, "+r") ? 2 : 1;
}

static void fill_text(input_t *input, char *text, const char *usual) {
  snprintf(text, TEXT, "%s", usual);
  if (rarely(input, 24)) {
    for (int i = 0; i < 4; i++) text[i] = (char)byte(input);
    text[4] = '\0';
  }
}

static void fill_metadata(input_t *input, node_t *node) {
  int32_t parts[2] = {1, byte(input) % 8};
  memset(node->metadata, byte(input), sizeof node->metadata);
  memcpy(node->metadata, &parts[0], 4);
  memcpy(node->metadata + 4, &parts[1], 4);
  parts[0] = byte(input) % 8;
  memcpy(node->metadata + 8 + parts[1], &parts[0], 4);
  node->schema.metadata = node->metadata;
}

static void fill_buffers(input_t *input, node_t *node) {
  int usual = usual_buffers(node->format);
  node->array.n_buffers = number(input, usual);
  node->array.buffers = rarely(input, 4) ? NULL : node->buffers;
  for (int i = 0; i < 6; i++) node->buffers[i] = content(node->format, i) + (rarely(input, 16) ? 1 : 0);
  if (byte(input) & 1) node->buffers[0] = NULL;
  if (rarely(input, 16)) node->buffers[1] = NULL;
  if (begins(node->format, "v")) {
    /* validity, views, one data buffer, the sizes of the data buffers */
    view_sizes[0] = number(input, REGION / 2);
    if (view_sizes[0] > REGION / 2) view_sizes[0] = REGION / 2;
    node->buffers[2] = rarely(input, 16) ? NULL : raw;
    node->buffers[3] = rarely(input, 16) ? NULL : view_sizes;
    if (node->array.n_buffers > 4) node->array.n_buffers = 4;
  } else if (node->array.n_buffers > usual) {
    node->array.n_buffers = 6;
  }
}

static node_t *build(input_t *input, int depth, int64_t usual_length, const char *usual_format);

/* The values of lists are as many as their offsets say. */
static bool has_own_length(const char *format) {
  return begins(format, "+l") || begins(format, "+L") || begins(format, "+v") || begins(format, "+m") || begins(format, "+w");
}

static void fill_children(input_t *input, node_t *node, int depth) {
  int usual = usual_children(node->format);
  node->schema.n_children = number(input, usual);
  node->array.n_children = rarely(input, 16) ? usual : node->schema.n_children;
  if (node->schema.n_children > 4 && node->schema.n_children < INT64_MAX - 1) node->schema.n_children = 4;
  if (node->schema.n_children > 4 || node->array.n_children > 4) {
    /* More than there are would have to be looked at: only numbers that no array of pointers can have. */
    node->schema.n_children = node->schema.n_children > 4 ? INT64_MAX : node->schema.n_children;
    node->array.n_children = node->array.n_children > 4 ? INT64_MAX : node->array.n_children;
  }
  for (int i = 0; i < 4; i++) {
    node_t *child = NULL;
    if (i < usual && depth > 0)
      child = build(input, depth - 1, has_own_length(node->format) ? 100 : node->array.length, begins(node->format, "+m") ? "+s" : NULL);
    if (child && i == 0 && begins(node->format, "+r") && !rarely(input, 16)) {
      snprintf(child->format, TEXT, "i");
      child->buffers[0] = NULL;
      child->buffers[1] = ascending;
      child->array.n_buffers = 2;
      child->array.null_count = 0;
    }
    if (rarely(input, 3)) child = node; /* a circle */
    node->schemas[i] = child ? &child->schema : NULL;
    node->arrays[i] = child ? &child->array : NULL;
  }
  node->schema.children = rarely(input, 4) ? NULL : node->schemas;
  node->array.children = rarely(input, 4) ? NULL : node->arrays;
}

static node_t *build(input_t *input, int depth, int64_t usual_length, const char *usual_format) {
  if (node_count == NODES) return NULL;
  node_t *node = &nodes[node_count++];
  memset(node, 0, sizeof *node);
  const char *format = formats[byte(input) % (sizeof formats / sizeof *formats)];
  fill_text(input, node->format, usual_format != NULL && !rarely(input, 4) ? usual_format : format);
  fill_text(input, node->name, "name");
  node->schema.format = rarely(input, 4) ? NULL : node->format;
  node->schema.name = rarely(input, 8) ? NULL : node->name;
  node->schema.flags = number(input, ARROW_FLAG_NULLABLE);
  node->schema.release = rarely(input, 4) ? NULL : release_schema;
  node->array.release = rarely(input, 4) ? NULL : release_array;
  node->array.length = number(input, usual_length < 0 || usual_length > 200 ? 3 : usual_length);
  node->array.offset = number(input, rarely(input, 32) ? 1 : 0);
  node->array.null_count = number(input, -1);
  if (rarely(input, 32)) fill_metadata(input, node);
  fill_buffers(input, node);
  fill_children(input, node, depth);
  if (rarely(input, 16)) {
    node_t *dictionary = depth > 0 ? build(input, depth - 1, 4, NULL) : NULL;
    if (rarely(input, 3)) dictionary = node;
    node->schema.dictionary = dictionary ? &dictionary->schema : NULL;
    node->array.dictionary = dictionary && !rarely(input, 8) ? &dictionary->array : NULL;
  }
  return node;
}

static uint8_t *region(void) {
  uint8_t *memory = mmap(NULL, REGION * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(memory != MAP_FAILED, "no memory");
  return memory;
}

typedef struct view {
  int32_t size;
  char    begin[4];
  int32_t buffer, offset;
} view_t;

/* Once, at the begin, as what is imported refers to them. */
static void fill_regions(void) {
  if (raw != NULL) return;
  small_bytes = region();
  narrow = region();
  wide = region();
  views = region();
  ascending = region();
  raw = region();
  for (uint32_t i = 0; i < REGION; i++) raw[i] = (uint8_t)(i % 7 == 0 ? i * 31 : 'a' + i % 20);
  for (uint32_t i = 0; i < REGION / 4; i++) memcpy(ascending + i * 4, &(int32_t){(int32_t)i + 1}, 4);
  for (uint32_t i = 8; i < REGION / 8; i++) {
    int32_t value = (int32_t)(i % 64) - (i % 61 == 60 ? 70 : 0);
    memcpy(narrow + i * 4, &value, 4);
    memcpy(wide + i * 8, &(int64_t){value}, 8);
  }
}

/* The first values are the input's. */
static void seed_regions(input_t *input) {
  for (int i = 0; i < 8; i++) {
    int32_t value = (int8_t)byte(input);
    view_t  view = {value, "aaa", value / 32, value / 8};
    memcpy(narrow + i * 4, &value, 4);
    memcpy(wide + i * 8, &(int64_t){value}, 8);
    memcpy(views + i * 16, &view, 16);
    small_bytes[i] = (uint8_t)(value & 3);
    raw[i] = byte(input);
  }
}

/* Looks at every value, where the library has. */
static void use(blobferry_table_t *table, bool is_trusted) {
  struct ArrowArrayStream stream;
  if (!is_trusted) {
    put_table(table, BLOBFERRY_FORMAT_IPC_STREAM);
    put_table(table, BLOBFERRY_FORMAT_NDJSON);
    put_table(table, BLOBFERRY_FORMAT_PARQUET);
  }
  if (blobferry_table_export(table, &stream, NULL) != BLOBFERRY_OK) return;
  struct ArrowSchema schema;
  struct ArrowArray  array;
  if (stream.get_schema(&stream, &schema) == 0) schema.release(&schema);
  while (stream.get_next(&stream, &array) == 0 && array.release != NULL) array.release(&array);
  stream.release(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input_t                    input = {data, size, 0};
  blobferry_import_options_t options;
  blobferry_table_t         *table = NULL;
  blobferry_error_t         *error = NULL;
  fixture_begin();
  fill_regions();
  seed_regions(&input);
  blobferry_import_options_init(&options, sizeof options);
  options.flags = byte(&input) & 1 ? BLOBFERRY_IMPORT_TRUSTED : 0;
  node_count = schema_releases = array_releases = 0;
  node_t *root = build(&input, 4, byte(&input) % 100, "+s");
  if (!rarely(&input, 16)) root->buffers[0] = NULL;
  struct ArrowSchema schema = root->schema;
  struct ArrowArray  array = root->array;
  blobferry_status_t status =
      blobferry_table_import(fixture.service, &schema, &array, 1, &options, &table, &error);
  check_status(status, error);
  blobferry_error_free(error);
  if (status != BLOBFERRY_OK) {
    must(memcmp(&schema, &root->schema, sizeof schema) == 0, "the schema has been touched");
    must(memcmp(&array, &root->array, sizeof array) == 0, "the array has been touched");
    must(schema_releases == 0 && array_releases == 0, "something has been released");
    return 0;
  }
  must(schema.release == NULL && array.release == NULL, "a struct was not moved");
  use(table, options.flags != 0);
  blobferry_table_free(table);
  must(schema_releases == 1 && array_releases == 1, "a struct was not released once");
  return 0;
}
