/*
 * Readers and writers against a model, step by step, with dice: reads of any size
 * at any place, seeks, cancels, deadlines, drops; writes that are flushed,
 * finished, aborted, cancelled, dropped. In memory, in a folder, and on the
 * servers of tests/servers/with.
 */
#include "places.h"
#include "streams.h"

/* -- readers ------------------------------------------------------------------------------------------- */

/* An object to be read: its bytes are held. */
typedef struct content {
  const char *key;
  uint8_t    *data; /* as they are decoded */
  size_t      size;
  size_t      stored; /* bytes of the object */
  uint32_t    compression;
} content_t;

typedef struct reading {
  const fixture_t    *fixture;
  const content_t    *content;
  blobferry_reader_t *reader;
  uint64_t            begin, end, position; /* what is read of the content; where the reader stands in it */
  uint64_t            dice;
  long                whole, ended;
} reading_t;

static uint64_t pick_size(uint64_t *dice, uint64_t part) {
  switch (roll(dice, 6)) {
    case 0: return roll(dice, 10);
    case 1: return roll(dice, 5000);
    case 2: return part - 1 + roll(dice, 3);
    case 3: return roll(dice, 3 * part);
    case 4: return roll(dice, part);
    default: return 1 + roll(dice, 100000);
  }
}

enum { A_PART = 60000 };

static void open_reader(reading_t *reading) {
  blobferry_reader_options_t options = BLOBFERRY_READER_OPTIONS_INIT;
  const content_t           *content = reading->content;
  options.part_size = roll(&reading->dice, 3) == 0 ? 1 + roll(&reading->dice, 2 * A_PART) : A_PART;
  if (roll(&reading->dice, 2) == 0) options.max_prefetch = 1000 + roll(&reading->dice, 6 * A_PART);
  options.max_in_flight = (uint32_t)roll(&reading->dice, 5);
  options.compression = content->compression;
  if (roll(&reading->dice, 3) == 0 && content->compression != BLOBFERRY_COMPRESSION_DEFLATE)
    options.compression = BLOBFERRY_COMPRESSION_AUTO;
  reading->begin = reading->position = 0;
  reading->end = content->size;
  if (content->compression == BLOBFERRY_COMPRESSION_NONE && content->size > 0 && roll(&reading->dice, 3) == 0) {
    options.offset = reading->begin = roll(&reading->dice, content->size);
    options.length = roll(&reading->dice, content->size);
    if (reading->begin + options.length < reading->end) reading->end = reading->begin + options.length;
  }
  reading->reader = reader_with(reading->fixture, content->key, &options);
}

static uint64_t bytes_left(const reading_t *reading) {
  uint64_t size = reading->end - reading->begin;
  return reading->position < size ? size - reading->position : 0;
}

static void check_completed(reading_t *reading, got_t *got, size_t size) {
  uint64_t wanted = bytes_left(reading) < size ? bytes_left(reading) : size;
  guarded_unlock(&got->memory);
  if (got->completion.status == BLOBFERRY_OK) {
    const uint8_t *expected = reading->content->data + reading->begin + reading->position;
    if (got->completion.result != wanted || memcmp(got->memory.data, expected, wanted) != 0)
      FAIL("%s: a read of %zu at %llu: %llu bytes, wanted %llu, or others", reading->content->key, size,
           (unsigned long long)reading->position, (unsigned long long)got->completion.result,
           (unsigned long long)wanted);
    for (size_t at = wanted; at < size; at++)
      if (got->memory.data[at] != CANARY) {
        FAIL("byte %zu behind a read of %llu was written", at, (unsigned long long)wanted);
        break;
      }
    reading->position += wanted;
    reading->whole++;
  } else {
    if (got->completion.status != BLOBFERRY_E_CANCELLED && got->completion.status != BLOBFERRY_E_DEADLINE)
      FAIL("%s: a read of %zu at %llu: %s", reading->content->key, size, (unsigned long long)reading->position,
           blobferry_error_message(got->completion.error));
    reading->ended++;
  }
  CHECK_INT(blobferry_reader_position(reading->reader), reading->position);
  got_free(got);
  beat();
}

static void step_read(reading_t *reading) {
  got_t                    got;
  blobferry_read_options_t options = BLOBFERRY_READ_OPTIONS_INIT;
  blobferry_ticket_t       ticket = 0;
  blobferry_error_t       *error = NULL;
  size_t                   size = (size_t)pick_size(&reading->dice, A_PART);
  uint64_t                 way = roll(&reading->dice, 8);
  if (way == 0) options.timeout_ms = 1;
  got.memory = guarded_new(size);
  blobferry_status_t status = blobferry_reader_read(reading->reader, reading->fixture->cq, got.memory.data, size,
                                                    &options, 0, &ticket, &error);
  must(status, error, "blobferry_reader_read");
  if (way == 1) {
    spin(roll(&reading->dice, 50000));
    must_cancel(reading->fixture->cq, ticket);
  }
  got.completion = wait_one(reading->fixture->cq);
  guarded_lock(&got.memory);
  check_completed(reading, &got, size);
}

static void step_seek(reading_t *reading) {
  uint64_t size = reading->end - reading->begin;
  switch (roll(&reading->dice, 5)) {
    case 0: reading->position = 0; break;
    case 1: reading->position = size + roll(&reading->dice, 1000); break;
    case 2: reading->position += roll(&reading->dice, 2 * A_PART); break;
    case 3: reading->position -= reading->position < 5000 ? reading->position : roll(&reading->dice, 5000); break;
    default: reading->position = roll(&reading->dice, size + 1);
  }
  must_seek(reading->reader, reading->position);
}

static void read_by_dice(const fixture_t *fixture, const content_t *content, uint64_t seed, long steps) {
  reading_t reading = {.fixture = fixture, .content = content, .dice = seed};
  open_reader(&reading);
  for (long step = 0; step < steps; step++) {
    uint64_t what = roll(&reading.dice, 40);
    if (what == 0) {
      blobferry_reader_free(reading.reader);
      open_reader(&reading);
    } else if (what < 10) {
      step_seek(&reading);
    } else {
      step_read(&reading);
    }
  }
  blobferry_reader_free(reading.reader);
  if (steps > 500) CHECK(reading.whole > 0 && reading.ended > 0);
}

/* Puts an object of which the decoded bytes are `size` ones that can be packed. */
static content_t new_content(const fixture_t *fixture, const char *key, size_t size, uint32_t compression) {
  content_t                  content = {key, malloc(size + 1), size, 0, compression};
  blobferry_writer_options_t options = BLOBFERRY_WRITER_OPTIONS_INIT;
  for (size_t i = 0; i < size; i++) content.data[i] = (uint8_t)(pattern_byte(7, i / 3) & 0x3F);
  options.compression = compression;
  options.part_size = 64 << 20;
  blobferry_writer_t *writer = writer_with(fixture, key, &options);
  check_outcome(write_bytes(fixture, writer, content.data, size), BLOBFERRY_OK, "");
  blobferry_completion_t completion = finish_writer(fixture, writer);
  content.stored = (size_t)completion.result;
  if (compression == BLOBFERRY_COMPRESSION_NONE) CHECK_INT(content.stored, size);
  check_outcome(completion, BLOBFERRY_OK, "");
  blobferry_writer_free(writer);
  return content;
}

static void readers_agree(const fixture_t *fixture, long steps, size_t size) {
  static const char *const names[] = {"read/plain", "read/gzip", "read/zstd", "read/deflate"};
  uint64_t                 dice = test_seed();
  for (uint32_t compression = 0; compression < 4; compression++) {
    watch(names[compression]);
    content_t content = new_content(fixture, names[compression], size, compression);
    for (uint64_t reader = 0; reader < 4; reader++)
      read_by_dice(fixture, &content, dice + compression + 4 * reader, steps);
    free(content.data);
  }
  content_t empty = new_content(fixture, "read/empty", 0, BLOBFERRY_COMPRESSION_NONE);
  read_by_dice(fixture, &empty, dice, steps / 20 + 1);
  free(empty.data);
}

/* -- writers ------------------------------------------------------------------------------------------- */

/* What is known of the one key that is written: nothing there, or the pattern of a seed. */
typedef struct known {
  bool     is_there;
  uint64_t seed, size;
} known_t;

typedef struct writing {
  const fixture_t    *fixture;
  blobferry_writer_t *writer;
  uint64_t            seed, size, piece; /* what is written, and about how much at a time */
  uint64_t            dice;
  bool                is_over;
} writing_t;

static void note_ended(writing_t *writing, blobferry_completion_t *completion) {
  if (completion->status != BLOBFERRY_OK) {
    if (completion->status != BLOBFERRY_E_CANCELLED && completion->status != BLOBFERRY_E_DEADLINE)
      FAIL("a writer: %s", blobferry_error_message(completion->error));
    writing->is_over = true;
  }
  dispose(completion);
  beat();
}

static void step_write(writing_t *writing) {
  blobferry_write_options_t options = BLOBFERRY_WRITE_OPTIONS_INIT;
  blobferry_ticket_t        ticket = 0;
  blobferry_error_t        *error = NULL;
  size_t                    size = (size_t)pick_size(&writing->dice, writing->piece);
  uint64_t                  way = roll(&writing->dice, 60);
  guarded_t                 memory = guarded_new(size);
  for (size_t i = 0; i < size; i++) memory.data[i] = pattern_byte(writing->seed, writing->size + i);
  if (way == 0) options.timeout_ms = 1;
  blobferry_status_t status = blobferry_writer_write(writing->writer, writing->fixture->cq, memory.data, size,
                                                     &options, 0, &ticket, &error);
  must(status, error, "blobferry_writer_write");
  if (way == 1) {
    spin(roll(&writing->dice, 50000));
    must_cancel(writing->fixture->cq, ticket);
  }
  blobferry_completion_t completion = wait_one(writing->fixture->cq);
  guarded_lock(&memory);
  if (completion.status == BLOBFERRY_OK) {
    CHECK_INT(completion.result, size);
    writing->size += size;
  }
  note_ended(writing, &completion);
  guarded_unlock(&memory);
  guarded_free(&memory);
}

static void check_known(const fixture_t *fixture, const known_t *known) {
  if (known->is_there) check_object(fixture, "written", (size_t)known->size, known->seed);
  else check_absent(fixture, "written");
}

/* Ends the writer in one of its ways; true where the object is there. */
static bool end_writer(writing_t *writing) {
  const fixture_t *fixture = writing->fixture;
  if (writing->is_over) {
    check_outcome(write_some(fixture, writing->writer, 10, 0, 0), BLOBFERRY_E_CANCELLED, "");
    check_outcome(finish_writer(fixture, writing->writer), BLOBFERRY_E_CANCELLED, "");
    if (roll(&writing->dice, 2) == 0) must_abort(fixture, writing->writer);
    return false;
  }
  switch (roll(&writing->dice, 4)) {
    case 0: must_abort(fixture, writing->writer); return false;
    case 1: return false; /* dropped */
    default: {
      blobferry_completion_t completion = finish_writer(fixture, writing->writer);
      if (completion.status == BLOBFERRY_OK) CHECK_INT(completion.result, writing->size);
      check_outcome(completion, BLOBFERRY_OK, "");
      return true;
    }
  }
}

static void writers_agree(const fixture_t *fixture, long writers, uint64_t part_size, uint64_t piece,
                          uint64_t most) {
  known_t  known = {false, 0, 0};
  uint64_t dice = test_seed();
  long     finished = 0;
  for (long round = 1; round <= writers; round++) {
    watch("a writer of the model");
    blobferry_writer_options_t options = BLOBFERRY_WRITER_OPTIONS_INIT;
    writing_t                  writing = {.fixture = fixture, .seed = (uint64_t)round, .piece = piece};
    uint64_t                   size = roll(&dice, 4) == 0 ? roll(&dice, 1000) : roll(&dice, most);
    writing.dice = roll(&dice, UINT64_MAX);
    options.part_size = part_size;
    options.max_in_flight = (uint32_t)roll(&dice, 4);
    writing.writer = writer_with(fixture, "written", &options);
    while (writing.size < size && !writing.is_over) {
      if (roll(&dice, 20) == 0) must_flush(fixture, writing.writer);
      step_write(&writing);
    }
    if (end_writer(&writing)) known = (known_t){true, writing.seed, writing.size}, finished++;
    blobferry_writer_free(writing.writer);
    check_known(fixture, &known);
  }
  CHECK_STATUS(blobferry_service_drain(fixture->service, 60000, NULL), BLOBFERRY_OK);
  CHECK_INT(usage_of(fixture->service).uploads_aborting, 0);
  AWAIT(usage_of(fixture->service).bytes_in_flight == 0);
  if (writers > 20) CHECK(finished > 0);
}

/* -- the stores ---------------------------------------------------------------------------------------- */

static void play(fixture_t fixture, long steps, long writers, uint64_t part_size, uint64_t piece, uint64_t most) {
  readers_agree(&fixture, rounds(steps), (size_t)rounds(10) * 70000);
  writers_agree(&fixture, rounds(writers), part_size, piece, most);
  AWAIT(usage_of(fixture.service).bytes_in_flight == 0);
  fixture_free(&fixture);
}

static void play_at(const place_t *place) {
  if (!is_up(place)) return;
  /* Plain HTTP writes in one request, of one part. */
  if (place == &on_http) play(at_place(place, "streams"), 200, 20, 64 << 20, 100000, 1000000);
  else play(at_place(place, "streams"), 200, 20, 5 << 20, 5 << 20, 20 << 20);
}

/* An object of several parts is created or it is not; a server that cannot says so before a byte moves. */
static void create_is_kept_to(const place_t *place) {
  if (!is_up(place)) return;
  fixture_t                  fixture = at_place(place, "streams");
  blobferry_writer_options_t options = BLOBFERRY_WRITER_OPTIONS_INIT;
  bool                       can = place == &on_s3;
  options.mode = BLOBFERRY_PUT_CREATE;
  const char *const keys[] = {"created", "created-0", "created-9"};
  for (int i = 0; i < 3; i++) check_outcome(delete(&fixture, keys[i]), BLOBFERRY_OK, "");
  for (int round = 0; round < 2; round++) {
    blobferry_writer_t    *writer = writer_with(&fixture, "created", &options);
    blobferry_completion_t written = write_some(&fixture, writer, 11 << 20, (uint64_t)round + 1, 0);
    check_outcome(written, can ? BLOBFERRY_OK : BLOBFERRY_E_UNSUPPORTED, "");
    blobferry_status_t     wanted = round == 0 ? BLOBFERRY_OK : BLOBFERRY_E_EXISTS;
    check_outcome(finish_writer(&fixture, writer), can ? wanted : BLOBFERRY_E_UNSUPPORTED, "");
    blobferry_writer_free(writer);
  }
  if (can) check_object(&fixture, "created", 11 << 20, 1);
  else check_absent(&fixture, "created");
  for (uint64_t size = 0; size < 10; size += 9) { /* of one part, all three */
    blobferry_writer_t *writer = writer_with(&fixture, keys[size ? 2 : 1], &options);
    must_write(&fixture, writer, (size_t)size, 1, 0);
    must_finish(&fixture, writer, size);
  }
  fixture_free(&fixture);
}

/* What an object of several parts is described by comes back. */
static void headers_are_kept(const place_t *place) {
  if (!is_up(place)) return;
  const blobferry_pair_t     metadata[] = {{"rows", "17"}};
  fixture_t                  fixture = at_place(place, "streams");
  blobferry_writer_options_t options = BLOBFERRY_WRITER_OPTIONS_INIT;
  blobferry_write_options_t  finish = BLOBFERRY_WRITE_OPTIONS_INIT;
  size_t                     count = 0;
  options.content_type = "text/csv";
  options.content_language = "de";
  options.metadata = metadata;
  options.metadata_count = 1;
  finish.flags = BLOBFERRY_REQUEST_DETAILS;
  blobferry_writer_t *writer = writer_with(&fixture, "described", &options);
  must_write(&fixture, writer, 11 << 20, 1, 0);
  blobferry_completion_t  finished = end_with(&fixture, writer, blobferry_writer_finish, &finish);
  blobferry_completion_t  about = head(&fixture, "described");
  const blobferry_pair_t *pairs = blobferry_details_metadata(about.details, &count);
  CHECK_TEXT(blobferry_details_content_type(about.details), "text/csv");
  CHECK_TEXT(blobferry_details_content_language(about.details), "de");
  CHECK(count == 1 && strcmp(pairs[0].key, "rows") == 0 && strcmp(pairs[0].value, "17") == 0);
  CHECK_TEXT(blobferry_details_revision(finished.details), blobferry_details_revision(about.details));
  CHECK_TEXT(blobferry_details_content_type(finished.details), "text/csv");
  check_outcome(finished, BLOBFERRY_OK, "");
  check_outcome(about, BLOBFERRY_OK, "");
  check_object(&fixture, "described", 11 << 20, 1);
  blobferry_writer_free(writer);
  fixture_free(&fixture);
}

static void on_servers_headers_are_kept(void) {
  headers_are_kept(&on_s3);
  headers_are_kept(&on_gcs);
  headers_are_kept(&on_azure);
}

static void on_servers_create_is_kept_to(void) {
  create_is_kept_to(&on_s3);
  create_is_kept_to(&on_gcs);
  create_is_kept_to(&on_azure);
}

static void in_memory_streams_agree(void) { play(in_memory(), 600, 100, 100000, 100000, 1000000); }
static void in_a_folder_streams_agree(void) { play(in_folder(), 600, 100, 100000, 100000, 1000000); }
static void on_s3_streams_agree(void) { play_at(&on_s3); }
static void on_gcs_streams_agree(void) { play_at(&on_gcs); }
static void on_azure_streams_agree(void) { play_at(&on_azure); }
static void on_http_streams_agree(void) { play_at(&on_http); }

TESTS(TEST(in_memory_streams_agree), TEST(in_a_folder_streams_agree), TEST(on_s3_streams_agree),
      TEST(on_gcs_streams_agree), TEST(on_azure_streams_agree), TEST(on_http_streams_agree),
      TEST(on_servers_create_is_kept_to), TEST(on_servers_headers_are_kept))
