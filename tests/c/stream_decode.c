/*
 * What readers decode and writers encode, beside what gzip, zstd and Python's zlib
 * make of the same bytes; and what is corrupt, breaks off, or grows.
 */
#include "streams.h"

/* Bytes of what is packed: a million, fewer under a slow tool. */
#define SIZE ((size_t)rounds(10) * 100000)

static const char *const names[] = {"none", "gzip", "zstd", "deflate"};

/* Bytes that can be packed. */
static uint8_t *some_text(size_t size) {
  uint8_t *text = malloc(size + 1);
  for (size_t i = 0; i < size; i++) text[i] = (uint8_t)('a' + pattern_byte(3, i / 5) % 7);
  return text;
}

static void write_file(const char *folder, const char *name, const void *data, size_t size) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
    perror(path);
    exit(2);
  }
}

/* A shell command in the folder. Whether its program is there is looked at first: what is not run is said. */
static bool run_in(const char *folder, const char *program, const char *command) {
  char text[2048];
  snprintf(text, sizeof text, "command -v %s >/dev/null", program);
  if (system(text) != 0) {
    printf("not run: there is no %s\n", program);
    return false;
  }
  snprintf(text, sizeof text, "cd '%s' && { %s; }", folder, command);
  if (system(text) != 0) FAIL("%s", command);
  return true;
}

static blobferry_reader_t *decoder_of(const fixture_t *fixture, const char *key, uint32_t compression) {
  blobferry_reader_options_t options = BLOBFERRY_READER_OPTIONS_INIT;
  options.compression = compression;
  options.part_size = 70001;
  return reader_with(fixture, key, &options);
}

/* The object must decode to these bytes, in reads of some size, by this compression and by none that is named. */
static void check_decodes(const fixture_t *fixture, const char *key, uint32_t compression, const uint8_t *wanted,
                          size_t size) {
  for (int automatic = 0; automatic < (compression == BLOBFERRY_COMPRESSION_DEFLATE ? 1 : 2); automatic++) {
    size_t              got = 0;
    blobferry_reader_t *reader = decoder_of(fixture, key, automatic ? BLOBFERRY_COMPRESSION_AUTO : compression);
    uint8_t            *data = read_all(fixture, reader, automatic ? 1000000 : 77777, &got);
    if (got != size || memcmp(data, wanted, size) != 0)
      FAIL("%s decodes to %zu bytes, wanted %zu, or others", key, got, size);
    free(data);
    blobferry_reader_free(reader);
  }
}

static void put_bytes(const fixture_t *fixture, const char *key, const void *bytes, size_t size) {
  blobferry_error_t *error = NULL;
  blobferry_status_t submitted =
      blobferry_object_put(fixture->store, fixture->cq, key, bytes, size, NULL, 0, NULL, &error);
  check_outcome(outcome_of(fixture, submitted, error), BLOBFERRY_OK, "");
}

/* Writes an object with a writer, in pieces; gives the bytes of it. */
static size_t encode(const fixture_t *fixture, const char *key, uint32_t compression, int32_t level,
                     const uint8_t *data, size_t size) {
  blobferry_writer_options_t options = BLOBFERRY_WRITER_OPTIONS_INIT;
  options.compression = compression;
  options.compression_level = level;
  blobferry_writer_t *writer = writer_with(fixture, key, &options);
  for (size_t at = 0, piece = 1; at < size; at += piece, piece = piece * 5 + 3) {
    if (piece > size - at) piece = size - at;
    check_outcome(write_bytes(fixture, writer, data + at, piece), BLOBFERRY_OK, "");
    if (piece > 10000) must_flush(fixture, writer);
  }
  blobferry_completion_t completion = finish_writer(fixture, writer);
  size_t                 stored = (size_t)completion.result;
  check_outcome(completion, BLOBFERRY_OK, "");
  blobferry_writer_free(writer);
  completion = head(fixture, key);
  CHECK_INT(completion.result, stored);
  check_outcome(completion, BLOBFERRY_OK, "");
  return stored;
}

/* -- beside other programs ----------------------------------------------------------------------------- */

static void what_others_pack_is_read(void) {
  static const struct {
    const char *program, *command, *key;
    uint32_t    compression;
    int         copies;
  } cases[] = {
      {"gzip", "gzip -kc text >a.gz", "a.gz", BLOBFERRY_COMPRESSION_GZIP, 1},
      {"gzip", "gzip -1kc text >b.gz; gzip -9kc text >>b.gz; cat a.gz >>b.gz", "b.gz", BLOBFERRY_COMPRESSION_GZIP, 3},
      {"gzip", "cat a.gz >c.gz; head -c 70000 /dev/zero >>c.gz", "c.gz", BLOBFERRY_COMPRESSION_GZIP, 1},
      {"gzip", ": | gzip -c >d.gz", "d.gz", BLOBFERRY_COMPRESSION_GZIP, 0},
      {"zstd", "zstd -qc text >a.zst", "a.zst", BLOBFERRY_COMPRESSION_ZSTD, 1},
      {"zstd", "zstd -qc -19 text >b.zst; zstd -qc --no-check text >>b.zst", "b.zst", BLOBFERRY_COMPRESSION_ZSTD, 2},
      {"zstd", "zstd -qc --ultra -22 --long=27 text >c.zst", "c.zst", BLOBFERRY_COMPRESSION_ZSTD, 1},
      {"python3", "python3 -c 'import zlib; t = open(\"text\", \"rb\").read(); "
                  "open(\"a.zz\", \"wb\").write(zlib.compress(t))'",
       "a.zz", BLOBFERRY_COMPRESSION_DEFLATE, 1},
      {"python3", "python3 -c 'import zlib; c = zlib.compressobj(wbits=-15); t = open(\"text\", \"rb\").read(); "
                  "open(\"b.zz\", \"wb\").write(c.compress(t) + c.flush())'",
       "b.zz", BLOBFERRY_COMPRESSION_DEFLATE, 1},
  };
  fixture_t fixture = in_folder();
  uint8_t  *text = some_text(SIZE), *all = malloc(3 * SIZE);
  write_file(fixture.folder, "text", text, SIZE);
  for (int copy = 0; copy < 3; copy++) memcpy(all + (size_t)copy * SIZE, text, SIZE);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    watch(cases[i].key);
    if (run_in(fixture.folder, cases[i].program, cases[i].command))
      check_decodes(&fixture, cases[i].key, cases[i].compression, all, (size_t)cases[i].copies * SIZE);
  }
  free(text);
  free(all);
  fixture_free(&fixture);
}

static void what_is_packed_others_read(void) {
  static const char *const programs[] = {"cat", "gzip", "zstd", "python3"};
  static const char *const commands[] = {
      "cat object", "gzip -dc <object", "zstd -qdc <object",
      "python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.decompress(open(\"object\", \"rb\").read()))'"};
  static const int32_t levels[][3] = {{0, 0, 0}, {0, 1, 9}, {0, -7, 19}, {0, 1, 9}};
  fixture_t            fixture = in_folder();
  uint8_t             *text = some_text(SIZE);
  for (uint32_t compression = 0; compression < 4; compression++)
    for (int level = 0; level < 3; level++)
      for (size_t size = 0; size <= SIZE; size = size * 900 + 1) {
        char command[512];
        watch(names[compression]);
        size_t stored = encode(&fixture, "object", compression, levels[compression][level], text, size);
        if (compression == BLOBFERRY_COMPRESSION_NONE) CHECK_INT(stored, size);
        else if (size > 1000) CHECK(stored < size);
        write_file(fixture.folder, "plain", text, size);
        snprintf(command, sizeof command, "%s | cmp - plain", commands[compression]);
        run_in(fixture.folder, programs[compression], command);
        check_decodes(&fixture, "object", compression, text, size);
      }
  free(text);
  fixture_free(&fixture);
}

/* -- what tells how it is packed ------------------------------------------------------------------------ */

static void what_is_not_packed_is_given_as_it_is(void) {
  static const char *const texts[] = {"",          "x",          "\x1f",    "\x1f\x8b", "\x28\xb5\x2f",
                                      "x^2 + y^2", "plain text", "\x78\x9c"};
  fixture_t                fixture = in_memory();
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    size_t size = strlen(texts[i]), got = 0;
    put_bytes(&fixture, "object", texts[i], size);
    blobferry_reader_t *reader = decoder_of(&fixture, "object", BLOBFERRY_COMPRESSION_AUTO);
    uint8_t            *data = read_all(&fixture, reader, 3, &got);
    if (got != size || memcmp(data, texts[i], size) != 0) FAIL("text %zu: %zu bytes, or others", i, got);
    CHECK_INT(size_of(reader), size); /* it is known, as nothing is decoded */
    free(data);
    blobferry_reader_free(reader);
  }
  fixture_free(&fixture);
}

static void the_size_of_what_is_decoded_is_not_told(void) {
  fixture_t fixture = in_memory();
  uint8_t  *text = some_text(1000);
  for (uint32_t compression = 1; compression < 4; compression++) {
    uint64_t           size;
    blobferry_error_t *error = NULL;
    encode(&fixture, "object", compression, 0, text, 1000);
    blobferry_reader_t *reader = decoder_of(&fixture, "object", compression);
    CHECK_STATUS(blobferry_reader_size(reader, &size, NULL), BLOBFERRY_E_ARGUMENT);
    for (int read = 0; read < 3; read++) {
      got_t got = read_some(&fixture, reader, 700);
      CHECK_INT(got.completion.result, read == 0 ? 700 : read == 1 ? 300 : 0);
      got_free(&got);
      CHECK_STATUS(blobferry_reader_size(reader, &size, &error), BLOBFERRY_E_UNSUPPORTED);
      check_error(error, BLOBFERRY_E_UNSUPPORTED, "decodes to");
    }
    CHECK_INT(blobferry_reader_position(reader), 1000);
    blobferry_reader_free(reader);
  }
  free(text);
  fixture_free(&fixture);
}

/* `offset` and `length` are of the stored bytes: here of the second of three members. */
static void a_range_of_what_is_stored_is_decoded(void) {
  fixture_t                  fixture = in_memory();
  blobferry_reader_options_t options = BLOBFERRY_READER_OPTIONS_INIT;
  uint8_t                   *text = some_text(5000), packed[16384];
  size_t                     size = encode(&fixture, "object", BLOBFERRY_COMPRESSION_GZIP, 0, text, 5000), got = 0;
  got_t                      whole = get_with(&fixture, "object", size, NULL);
  guarded_unlock(&whole.memory);
  for (int i = 0; i < 3; i++) memcpy(packed + (size_t)i * size, whole.memory.data, size);
  memset(packed, 'x', size);
  memset(packed + 2 * size, 'x', size);
  put_bytes(&fixture, "three", packed, 3 * size);
  options.offset = options.length = size;
  options.compression = BLOBFERRY_COMPRESSION_AUTO;
  blobferry_reader_t *reader = reader_with(&fixture, "three", &options);
  uint8_t            *data = read_all(&fixture, reader, 999, &got);
  CHECK(got == 5000 && memcmp(data, text, 5000) == 0);
  must_seek(reader, 4000);
  got_t some = read_some(&fixture, reader, 2000);
  guarded_unlock(&some.memory);
  CHECK(some.completion.result == 1000 && memcmp(some.memory.data, text + 4000, 1000) == 0);
  got_free(&some);
  got_free(&whole);
  free(data);
  free(text);
  blobferry_reader_free(reader);
  fixture_free(&fixture);
}

/* -- what cannot be decoded ----------------------------------------------------------------------------- */

/* All reads of it must fail, and leave the position; whatever comes before the damage may be read. */
static void check_damaged(const fixture_t *fixture, uint32_t compression, const uint8_t *packed, size_t size,
                          const char *part) {
  put_bytes(fixture, "damaged", packed, size);
  blobferry_reader_t *reader = decoder_of(fixture, "damaged", compression);
  for (int i = 0; i < 3; i++) {
    got_t got = read_some(fixture, reader, 1000000);
    guarded_free(&got.memory);
    if (got.completion.status != BLOBFERRY_E_INTEGRITY)
      FAIL("%s: %s: %s", names[compression], blobferry_status_name(got.completion.status),
           blobferry_error_message(got.completion.error));
    CHECK(strstr(blobferry_error_message(got.completion.error), "from byte") != NULL);
    CHECK(strstr(blobferry_error_message(got.completion.error), part) != NULL);
    CHECK_INT(blobferry_error_is_retryable(got.completion.error), 0);
    CHECK_INT(blobferry_reader_position(reader), 0);
    dispose(&got.completion);
  }
  blobferry_reader_free(reader);
}

static void what_is_damaged_is_told(void) {
  fixture_t fixture = in_memory();
  uint8_t  *text = some_text(200000), *packed = malloc(400000);
  for (uint32_t compression = 1; compression < 4; compression++) {
    size_t size = encode(&fixture, "object", compression, 0, text, 200000);
    got_t  got = get_with(&fixture, "object", size, NULL);
    guarded_unlock(&got.memory);
    const size_t cuts[] = {0, 1, 5, size / 2, size - 1};
    for (size_t i = 0; i < 5; i++) check_damaged(&fixture, compression, got.memory.data, cuts[i], "break off");
    for (size_t at = 30; at < size; at += size / 5) {
      memcpy(packed, got.memory.data, size);
      packed[at] ^= 0x40;
      check_damaged(&fixture, compression, packed, size, names[compression]);
    }
    memcpy(packed, got.memory.data, size);
    packed[size - 1] ^= 1; /* in the checksum, or in the length behind it */
    check_damaged(&fixture, compression, packed, size, names[compression]);
    memcpy(packed, got.memory.data, size);
    memcpy(packed + size, "more", 4);
    check_damaged(&fixture, compression, packed, size + 4, names[compression]);
    got_free(&got);
  }
  check_damaged(&fixture, BLOBFERRY_COMPRESSION_GZIP, text, 1000, "gzip");
  check_damaged(&fixture, BLOBFERRY_COMPRESSION_ZSTD, text, 1000, "zstd");
  free(packed);
  free(text);
  fixture_free(&fixture);
}

/* What comes before the damage is read as long as no read reaches it. */
static void what_comes_before_the_damage_can_be_read(void) {
  enum { ENOUGH = 1000000 }; /* several blocks of zstd */
  fixture_t fixture = in_memory();
  uint8_t  *text = some_text(ENOUGH);
  for (uint32_t compression = 1; compression < 4; compression++) {
    size_t size = encode(&fixture, "object", compression, 0, text, ENOUGH);
    got_t  got = get_with(&fixture, "object", size, NULL);
    guarded_unlock(&got.memory);
    put_bytes(&fixture, "damaged", got.memory.data, size - 100);
    got_free(&got);
    blobferry_reader_t *reader = decoder_of(&fixture, "damaged", compression);
    for (size_t at = 0, piece = ENOUGH / 10; at < ENOUGH / 2; at += piece) {
      got = read_some(&fixture, reader, piece);
      guarded_unlock(&got.memory);
      CHECK(got.completion.result == piece && memcmp(got.memory.data, text + at, piece) == 0);
      got_free(&got);
    }
    must_seek(reader, ENOUGH - 100);
    check_read_fails(&fixture, reader, BLOBFERRY_E_INTEGRITY, "break off");
    must_seek(reader, 100);
    got = read_some(&fixture, reader, 100);
    guarded_unlock(&got.memory);
    CHECK(got.completion.result == 100 && memcmp(got.memory.data, text + 100, 100) == 0);
    got_free(&got);
    blobferry_reader_free(reader);
  }
  free(text);
  fixture_free(&fixture);
}

static size_t memory_in_use(void) {
  size_t pages = 0;
  FILE  *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*u %zu", &pages) != 1) abort();
  fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Few bytes that decode to very many: what is held does not grow with them. */
static void a_bomb_takes_no_more_memory(void) {
  enum { PIECES = 120 };
  fixture_t fixture = in_memory();
  uint8_t  *zeros = calloc(1, 1 << 20);
  for (uint32_t compression = 1; compression < 4; compression++) {
    watch(names[compression]);
    blobferry_writer_options_t options = BLOBFERRY_WRITER_OPTIONS_INIT;
    options.compression = compression;
    blobferry_writer_t *writer = writer_with(&fixture, "bomb", &options);
    long                pieces = rounds(PIECES);
    for (long i = 0; i < pieces; i++) check_outcome(write_bytes(&fixture, writer, zeros, 1 << 20), BLOBFERRY_OK, "");
    blobferry_completion_t completion = finish_writer(&fixture, writer);
    CHECK(completion.result < 1 << 20);
    check_outcome(completion, BLOBFERRY_OK, "");
    blobferry_writer_free(writer);
    size_t              before = memory_in_use(), most = before, sum = 0;
    blobferry_reader_t *reader = decoder_of(&fixture, "bomb", compression);
    for (uint64_t result = 1; result > 0; sum += result) {
      got_t got = read_some(&fixture, reader, 300000);
      result = got.completion.status == BLOBFERRY_OK ? got.completion.result : 0;
      got_free(&got);
      size_t now = memory_in_use();
      if (now > most) most = now;
      beat();
    }
    CHECK_INT(sum, (long long)pieces << 20);
    if (pieces == PIECES && most - before > 60u << 20) FAIL("%s: %zu bytes more", names[compression], most - before);
    blobferry_reader_free(reader);
  }
  free(zeros);
  fixture_free(&fixture);
}

TESTS(TEST(what_others_pack_is_read), TEST(what_is_packed_others_read), TEST(what_is_not_packed_is_given_as_it_is),
      TEST(the_size_of_what_is_decoded_is_not_told), TEST(a_range_of_what_is_stored_is_decoded),
      TEST(what_is_damaged_is_told), TEST(what_comes_before_the_damage_can_be_read), TEST(a_bomb_takes_no_more_memory))
