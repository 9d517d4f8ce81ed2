/*
 * A blob that is read as a table, in every way that its last bytes say.
 */
#ifndef TESTS_FUZZ_BLOB_H
#define TESTS_FUZZ_BLOB_H

#include "fuzz.h"

/* Bytes that a reader holds ahead. */
#define PREFETCH (4u << 20)

/* Reads the blob to its end, or to its error. */
static void read_all(blobferry_table_reader_t *reader, bool is_opened, bool is_written) {
  blobferry_error_t *error = NULL;
  if (is_opened) {
    blobferry_status_t status = blobferry_table_reader_open(reader, fixture.cq, NULL, 0, NULL, &error);
    if (outcome_of(status, error).status == BLOBFERRY_OK) {
      blobferry_table_t *statistics = NULL;
      if (blobferry_table_reader_statistics(reader, &statistics, NULL) == BLOBFERRY_OK)
        put_table(statistics, BLOBFERRY_FORMAT_CSV);
      blobferry_table_free(statistics);
    }
  }
  for (int i = 0; i < 10000; i++) {
    error = NULL;
    blobferry_status_t     status = blobferry_table_reader_next(reader, fixture.cq, NULL, 0, NULL, &error);
    blobferry_completion_t completion = outcome_of(status, error);
    if (completion.table == NULL) return;
    must(blobferry_table_rows(completion.table) == completion.result, "the rows are not those of the table");
    if (is_written) put_table(completion.table, BLOBFERRY_FORMAT_IPC_STREAM);
    blobferry_table_free(completion.table);
  }
}

/* Reads a blob of a format; `options` are set but for the format. */
static void read_blob(const uint8_t *data, size_t size, blobferry_table_reader_options_t *options, bool is_opened,
                      bool is_written) {
  const char               *key = "blob";
  blobferry_table_reader_t *reader = NULL;
  blobferry_error_t        *error = NULL;
  if (!put(key, data, size)) return;
  options->max_prefetch = PREFETCH;
  options->batch_bytes = PREFETCH / 4;
  blobferry_status_t status = blobferry_table_reader_new(fixture.store, &key, 1, options, &reader, &error);
  check_status(status, error);
  blobferry_error_free(error);
  if (status == BLOBFERRY_OK) read_all(reader, is_opened, is_written);
  blobferry_table_reader_free(reader);
}

/* -- a schema and literals, in memory that stays ------------------------------------------------- */

#define COLUMNS 3
static const char *const column_names[COLUMNS] = {"i", "t", "f"};
static const char *const column_formats[COLUMNS] = {"l", "u", "g"};

typedef struct given {
  struct ArrowSchema  schema, columns[COLUMNS];
  struct ArrowSchema *children[COLUMNS];
} given_t;

/* Columns i, t and f: 64-bit integers, text, floats. */
static struct ArrowSchema *given_schema(given_t *given) {
  memset(given, 0, sizeof *given);
  for (int i = 0; i < COLUMNS; i++) {
    given->columns[i].format = column_formats[i];
    given->columns[i].name = column_names[i];
    given->columns[i].flags = ARROW_FLAG_NULLABLE;
    given->columns[i].release = blobferry_schema_release_borrowed;
    given->children[i] = &given->columns[i];
  }
  given->schema.format = "+s";
  given->schema.name = "";
  given->schema.n_children = COLUMNS;
  given->schema.children = given->children;
  given->schema.release = blobferry_schema_release_borrowed;
  return &given->schema;
}

typedef struct literal {
  struct ArrowSchema  schema, column;
  struct ArrowSchema *columns[1];
  struct ArrowArray   array, values;
  struct ArrowArray  *children[1];
  const void         *no_buffers[1], *buffers[2];
  int64_t             value;
} literal_t;

/* A term `i < 7`, or another operator. */
static void add_term(blobferry_table_reader_options_t *options, literal_t *literal, blobferry_term_t *term, uint32_t op) {
  memset(literal, 0, sizeof *literal);
  literal->value = 7;
  literal->column.format = "l";
  literal->column.name = "";
  literal->column.release = blobferry_schema_release_borrowed;
  literal->columns[0] = &literal->column;
  literal->schema.format = "+s";
  literal->schema.name = "";
  literal->schema.n_children = 1;
  literal->schema.children = literal->columns;
  literal->schema.release = blobferry_schema_release_borrowed;
  literal->buffers[1] = &literal->value;
  literal->values.length = 1;
  literal->values.n_buffers = 2;
  literal->values.buffers = literal->buffers;
  literal->values.release = blobferry_array_release_borrowed;
  literal->children[0] = &literal->values;
  literal->array.length = 1;
  literal->array.n_buffers = 1;
  literal->array.buffers = literal->no_buffers;
  literal->array.n_children = 1;
  literal->array.children = literal->children;
  literal->array.release = blobferry_array_release_borrowed;
  term->column = "i";
  term->op = op % 8;
  term->literal = 0;
  options->terms = term;
  options->term_count = 1;
  options->literals_schema = &literal->schema;
  options->literals = &literal->array;
}

/* Reads the blob as a format, in the way that its last bytes say. */
static void read_as(uint32_t format, choices_t choices, const blobferry_csv_options_t *csv) {
  blobferry_table_reader_options_t options;
  given_t                          given;
  literal_t                        literal;
  blobferry_term_t                 term;
  uint8_t                          how = choose(&choices), op = choose(&choices);
  const char                      *columns[] = {"i"};
  blobferry_table_reader_options_init(&options, sizeof options);
  options.format = format;
  options.csv = csv;
  if (how & 1) options.schema = given_schema(&given);
  if (how & 2) add_term(&options, &literal, &term, op);
  if (how & 4) options.batch_rows = 3;
  if (how & 8) {
    options.columns = columns;
    options.column_count = 1;
  }
  read_blob(choices.data, choices.size, &options, how & 16, how & 32);
}

#endif
