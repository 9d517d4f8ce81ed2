/*
 * Reads parts of an object: its last bytes, several ranges at once, one range
 * scattered into several buffers, and the whole of it into memory of the library.
 *
 *   usage: 08_ranges [URL of a store]
 */
#include <blobferry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char KEY[] = "ranges/alphabet";

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

/* An object from several pieces of memory, as a header and a body that lie apart. */
static void put_pieces(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_error_t      *error = NULL;
  blobferry_const_slice_t pieces[] = {{(const uint8_t *)"abcdefghij", 10},
                                      {(const uint8_t *)"klmnopqrstuvwxyz", 16}};
  must(blobferry_object_put_slices(store, cq, KEY, pieces, 2, NULL, 0, NULL, &error), &error);
  printf("put      %llu bytes of two pieces\n", (unsigned long long)wait_one(cq).result);
}

static void last_bytes(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_error_t      *error = NULL;
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  uint8_t                 end[4];
  options.flags = BLOBFERRY_GET_SUFFIX;
  options.length = sizeof end;
  must(blobferry_object_get(store, cq, KEY, end, sizeof end, &options, 0, NULL, &error), &error);
  printf("suffix   %.*s\n", (int)wait_one(cq).result, (const char *)end);
}

/* Each range has a buffer of its own here; both arrays may be gone once the call has returned. */
static void several_ranges(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_error_t *error = NULL;
  blobferry_range_t  ranges[] = {{20, 3}, {0, 5}, {10, 2}};
  uint8_t            first[3], second[5], third[2];
  blobferry_slice_t  buffers[] = {{first, 3}, {second, 5}, {third, 2}};
  must(blobferry_object_get_ranges(store, cq, KEY, ranges, 3, buffers, 3, NULL, 0, NULL, &error), &error);
  wait_one(cq);
  printf("ranges   %.3s %.5s %.2s\n", (const char *)first, (const char *)second, (const char *)third);
}

/* Without ranges, what the options say (here: all) is poured into one buffer after the other. */
static void scatter(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_error_t *error = NULL;
  uint8_t            head[6], body[64];
  blobferry_slice_t  buffers[] = {{head, sizeof head}, {body, sizeof body}};
  must(blobferry_object_get_ranges(store, cq, KEY, NULL, 0, buffers, 2, NULL, 0, NULL, &error), &error);
  size_t size = (size_t)wait_one(cq).result;
  printf("scatter  %.6s | %.*s\n", (const char *)head, (int)(size - sizeof head), (const char *)body);
}

/* How large it is need not be known, and is not asked for beforehand. */
static void unknown_size(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_error_t      *error = NULL;
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  options.max_size = 1 << 20;
  must(blobferry_object_get_buffer(store, cq, KEY, &options, 0, NULL, &error), &error);
  blobferry_completion_t completion = wait_one(cq);
  /* A NUL byte stands behind the bytes, so that a text can be printed as it is. */
  printf("buffer   %s\n", (const char *)blobferry_buffer_data(completion.buffer));
  blobferry_buffer_free(completion.buffer);
}

int main(int argc, char **argv) {
  blobferry_service_t *service = NULL;
  blobferry_cq_t      *cq = NULL;
  blobferry_store_t   *store = NULL;
  blobferry_error_t   *error = NULL;

  must(blobferry_service_new(NULL, &service, &error), &error);
  must(blobferry_cq_new(service, NULL, &cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://ranges", NULL, 0, &store, &error), &error);

  put_pieces(store, cq);
  last_bytes(store, cq);
  several_ranges(store, cq);
  scatter(store, cq);
  unknown_size(store, cq);

  must(blobferry_object_delete(store, cq, KEY, NULL, 0, NULL, &error), &error);
  wait_one(cq);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return 0;
}
