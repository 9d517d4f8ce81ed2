/* Blobs that may be Parquet. */
#include "blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  choices_t choices = {data, size};
  fixture_begin();
  read_as(BLOBFERRY_FORMAT_PARQUET, choices, NULL);
  return 0;
}
