/* Blobs that may be CSV, of many dialects. */
#include "blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const encodings[] = {NULL, "utf-16le", "shift_jis", "latin1"};
  const char              *null_texts[] = {"NA", "-"};
  choices_t                choices = {data, size};
  blobferry_csv_options_t  csv;
  fixture_begin();
  blobferry_csv_options_init(&csv, sizeof csv);
  uint8_t how = choose(&choices), more = choose(&choices);
  if (how & 1) csv.delimiter = ";";
  if (how & 2) csv.quote = how & 4 ? "" : "'";
  if (how & 8) csv.escape = "\\";
  if (how & 16) csv.comment = "#";
  if (how & 32) csv.flags = BLOBFERRY_CSV_NO_HEADER;
  if (how & 64) csv.skip_lines = 2;
  if (how & 128) {
    csv.null_texts = null_texts;
    csv.null_text_count = 2;
  }
  csv.ragged = more % 3;
  csv.on_error = more / 3 % 3;
  csv.encoding = encodings[more / 9 % 4];
  if (more & 128) csv.max_record = 100;
  read_as(BLOBFERRY_FORMAT_CSV, choices, &csv);
  return 0;
}
