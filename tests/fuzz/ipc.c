/* Blobs that may be Arrow IPC, file or stream. */
#include "blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  choices_t choices = {data, size};
  fixture_begin();
  uint8_t format = choose(&choices);
  read_as(format & 1 ? BLOBFERRY_FORMAT_IPC_FILE : BLOBFERRY_FORMAT_IPC_STREAM, choices, NULL);
  return 0;
}
