/*
 * Rows: an object of comma-separated values becomes Parquet, of which the wanted
 * rows are read back as Apache Arrow, looked at where they lie, and summed up.
 *
 *   usage: 13_table [URL of a store]
 */
#include <blobferry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char CSV[] = "tables/weather.csv";
static const char PARQUET[] = "tables/weather.parquet";

/* Ends the program with the error's message, unless all is well. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1);
}

/* Waits for the one request that is under way, which must have gone well. */
static blobferry_completion_t wait_one(blobferry_cq_t *cq) {
  blobferry_completion_t completion;
  blobferry_error_t     *error = NULL;
  size_t                 count = 0;
  must(blobferry_cq_wait(cq, &completion, 1, -1, &count, &error), &error);
  must(completion.status, &completion.error);
  return completion;
}

static void put_csv(blobferry_store_t *store, blobferry_cq_t *cq) {
  static const char  text[] = "city,day,celsius\n"
                              "Oslo,2024-01-01,-7.5\n"
                              "Lagos,2024-01-01,31\n"
                              "\"Washington, D.C.\",2024-01-01,4.25\n"
                              "Oslo,2024-01-02,-12\n"
                              "Lagos,2024-01-02,\n"
                              "\"Washington, D.C.\",2024-01-02,-0.5\n";
  blobferry_error_t *error = NULL;
  must(blobferry_object_put(store, cq, CSV, (const uint8_t *)text, sizeof text - 1, NULL, 0, NULL, &error), &error);
  wait_one(cq);
}

/* The ends of the keys tell the formats; the types of the columns are inferred. Memory is bounded, whatever the size. */
static void convert(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_table_write_options_t options = BLOBFERRY_TABLE_WRITE_OPTIONS_INIT;
  blobferry_table_reader_t       *reader = NULL;
  blobferry_error_t              *error = NULL;
  const char                     *key = CSV;
  options.codec = BLOBFERRY_CODEC_ZSTD;
  must(blobferry_table_reader_new(store, &key, 1, NULL, &reader, &error), &error);
  must(blobferry_table_convert(reader, cq, store, PARQUET, &options, 0, NULL, &error), &error);
  printf("converted  %llu rows\n", (unsigned long long)wait_one(cq).result);
  blobferry_table_reader_free(reader);
}

/*
 * A literal is a column of a table of one row. Structs whose memory stays ours are
 * released by the library's own functions, which only mark them.
 */
static blobferry_table_reader_t *reader_of_frost(blobferry_store_t *store) {
  static const double              zero[] = {0.0};
  static const void               *buffers[] = {NULL, zero}, *no_buffers[] = {NULL};
  static struct ArrowSchema        literal_schema = {.format = "g", .name = ""}, schema = {.format = "+s", .name = ""};
  static struct ArrowArray         literal = {.length = 1, .n_buffers = 2}, literals = {.length = 1, .n_buffers = 1};
  static struct ArrowSchema       *schema_children[] = {&literal_schema};
  static struct ArrowArray        *children[] = {&literal};
  const blobferry_term_t           below_zero = {"celsius", BLOBFERRY_OP_LT, 0};
  const char                      *columns[] = {"day", "city", "celsius"}, *key = PARQUET;
  blobferry_table_reader_options_t options = BLOBFERRY_TABLE_READER_OPTIONS_INIT;
  blobferry_table_reader_t        *reader = NULL;
  blobferry_error_t               *error = NULL;
  schema.n_children = literals.n_children = 1;
  schema.children = schema_children;
  schema.release = literal_schema.release = blobferry_schema_release_borrowed;
  literal.buffers = buffers;
  literals.buffers = no_buffers;
  literals.children = children;
  literals.release = literal.release = blobferry_array_release_borrowed;
  options.columns = columns;
  options.column_count = 3;
  options.terms = &below_zero;
  options.term_count = 1;
  options.literals_schema = &schema;
  options.literals = &literals;
  must(blobferry_table_reader_new(store, &key, 1, &options, &reader, &error), &error);
  return reader;
}

/* A chunk is a struct with an array for each column: nothing is copied, and it may outlive all that it came from. */
static void show_rows(const blobferry_table_t *table) {
  struct ArrowArray  chunk;
  blobferry_error_t *error = NULL;
  must(blobferry_table_export_chunk(table, 0, NULL, &chunk, &error), &error);
  const struct ArrowArray *cities = chunk.children[1], *values = chunk.children[2];
  const int32_t           *ends = (const int32_t *)cities->buffers[1] + cities->offset;
  const char              *names = cities->buffers[2];
  const double            *celsius = (const double *)values->buffers[1] + values->offset;
  for (int64_t row = 0; row < chunk.length; row++)
    printf("frost      %-16.*s %6.2f\n", (int)(ends[row + 1] - ends[row]), names + ends[row], celsius[row]);
  chunk.release(&chunk);
}

/* An array begins at its offset. */
static double double_of(const struct ArrowArray *array) {
  return ((const double *)array->buffers[1])[array->offset];
}

static void sum_up(const blobferry_table_t *table, blobferry_cq_t *cq) {
  static const blobferry_aggregation_t asked[] = {{NULL, BLOBFERRY_AGGREGATE_COUNT, 0},
                                                  {"celsius", BLOBFERRY_AGGREGATE_MIN, 0},
                                                  {"celsius", BLOBFERRY_AGGREGATE_MEAN, 0}};
  struct ArrowArray                    row;
  blobferry_error_t                   *error = NULL;
  must(blobferry_table_aggregate(table, cq, asked, 3, NULL, 0, NULL, &error), &error);
  blobferry_completion_t done = wait_one(cq);
  must(blobferry_table_export_chunk(done.table, 0, NULL, &row, &error), &error);
  const struct ArrowArray *counted = row.children[0];
  uint64_t                 count = ((const uint64_t *)counted->buffers[1])[counted->offset];
  printf("summed up  count %llu, least %.2f, mean %.2f\n", (unsigned long long)count, double_of(row.children[1]),
         double_of(row.children[2]));
  row.release(&row);
  blobferry_table_free(done.table);
}

int main(int argc, char **argv) {
  blobferry_service_t *service = NULL;
  blobferry_cq_t      *cq = NULL;
  blobferry_store_t   *store = NULL;
  blobferry_error_t   *error = NULL;
  uint64_t             rows = 0;

  must(blobferry_service_new(NULL, &service, &error), &error);
  must(blobferry_cq_new(service, NULL, &cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://tables", NULL, 0, &store, &error), &error);

  put_csv(store, cq);
  convert(store, cq);
  blobferry_table_reader_t *reader = reader_of_frost(store);
  for (;;) { /* a batch after the other, until there is none */
    must(blobferry_table_reader_next(reader, cq, NULL, 0, NULL, &error), &error);
    blobferry_completion_t next = wait_one(cq);
    if (next.table == NULL) break;
    rows += next.result;
    show_rows(next.table);
    sum_up(next.table, cq);
    blobferry_table_free(next.table);
  }
  blobferry_table_reader_free(reader);

  must(blobferry_object_delete(store, cq, CSV, NULL, 0, NULL, &error), &error);
  wait_one(cq);
  must(blobferry_object_delete(store, cq, PARQUET, NULL, 0, NULL, &error), &error);
  wait_one(cq);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return rows == 3 ? 0 : 1;
}
