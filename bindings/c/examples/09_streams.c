/*
 * Writes an object piece by piece, compressed on the way, without knowing how
 * large it will be; and reads it back piece by piece, decoded, from any place. A
 * few MiB of memory do for an object of any size.
 *
 *   usage: 09_streams [URL of a store]
 */
#include <blobferry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char KEY[] = "streams/log.zst";

enum { LINES = 200000, BLOCK = 1000, LINE_SIZE = 24 };

/* Ends the program with the error's message, unless all is well. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1);
}

/* Waits for the one request that is under way, which must have gone well; gives its result. */
static uint64_t wait_one(blobferry_cq_t *cq) {
  blobferry_completion_t completion;
  blobferry_error_t     *error = NULL;
  size_t                 count = 0;
  must(blobferry_cq_wait(cq, &completion, 1, -1, &count, &error), &error);
  must(completion.status, &completion.error);
  return completion.result;
}

/* The object appears when it is finished, whole; a writer that is freed before leaves nothing. */
static void write_log(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_writer_options_t options = BLOBFERRY_WRITER_OPTIONS_INIT;
  blobferry_writer_t        *writer = NULL;
  blobferry_error_t         *error = NULL;
  uint64_t                   written = 0;
  options.compression = BLOBFERRY_COMPRESSION_ZSTD;
  must(blobferry_writer_new(store, KEY, &options, &writer, &error), &error);
  for (int first = 0; first < LINES; first += BLOCK) {
    static char block[BLOCK * LINE_SIZE + 1];
    for (int i = 0; i < BLOCK; i++)
      snprintf(block + i * LINE_SIZE, LINE_SIZE + 1, "%07d a line of a log\n", first + i);
    /* The completion says that the bytes are taken: `block` may be used again. */
    must(blobferry_writer_write(writer, cq, (const uint8_t *)block, BLOCK * LINE_SIZE, NULL, 0, NULL, &error), &error);
    written += wait_one(cq);
  }
  must(blobferry_writer_finish(writer, cq, NULL, 0, NULL, &error), &error);
  printf("written  %llu bytes, kept as %llu\n", (unsigned long long)written, (unsigned long long)wait_one(cq));
  blobferry_writer_free(writer);
}

static void read_log(blobferry_store_t *store, blobferry_cq_t *cq) {
  static uint8_t             buffer[1 << 20];
  blobferry_reader_options_t options = BLOBFERRY_READER_OPTIONS_INIT;
  blobferry_reader_t        *reader = NULL;
  blobferry_error_t         *error = NULL;
  uint64_t                   size, lines = 0;
  options.compression = BLOBFERRY_COMPRESSION_AUTO; /* it shows by its first bytes */
  must(blobferry_reader_new(store, KEY, &options, &reader, &error), &error);
  do { /* a read fills the buffer unless the end comes first; then it gives 0 */
    must(blobferry_reader_read(reader, cq, buffer, sizeof buffer, NULL, 0, NULL, &error), &error);
    size = wait_one(cq);
    for (uint64_t i = 0; i < size; i++) lines += buffer[i] == '\n';
  } while (size > 0);
  printf("read     %llu lines, %llu bytes\n", (unsigned long long)lines,
         (unsigned long long)blobferry_reader_position(reader));

  /* From any place: here the line 100 000. */
  must(blobferry_reader_seek(reader, 100000 * LINE_SIZE, &error), &error);
  must(blobferry_reader_read(reader, cq, buffer, LINE_SIZE - 1, NULL, 0, NULL, &error), &error);
  size = wait_one(cq);
  printf("again    %.*s\n", (int)size, (const char *)buffer);
  blobferry_reader_free(reader);
  if (lines != LINES) exit(1);
}

int main(int argc, char **argv) {
  blobferry_service_t *service = NULL;
  blobferry_cq_t      *cq = NULL;
  blobferry_store_t   *store = NULL;
  blobferry_error_t   *error = NULL;

  must(blobferry_service_new(NULL, &service, &error), &error);
  must(blobferry_cq_new(service, NULL, &cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://streams", NULL, 0, &store, &error), &error);

  write_log(store, cq);
  read_log(store, cq);

  must(blobferry_object_delete(store, cq, KEY, NULL, 0, NULL, &error), &error);
  wait_one(cq);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return 0;
}
