/*
 * A random sweep of requests over a few objects, many in flight, on both stores,
 * against a model of what each may see: sizes around whole parts, random ranges,
 * buffers that are too small or too large, cancels and deadlines. Every buffer is
 * guarded, is locked as soon as its completion was taken, and stays locked while
 * the next ones run. BLOBFERRY_TEST_SEED repeats a run as far as threads allow.
 */
#include "verbs.h"

#define KEYS 24
#define FLIGHTS 48
#define QUARANTINE 64
#define PART 65536
#define MOST_PARTS 6

/* What a key held, holds or may hold from some moment on. */
typedef struct version {
  bool     there;
  bool     dead; /* the change certainly did not happen */
  size_t   size;
  uint64_t seed;
} version_t;

/* The versions of a key, oldest first. A request may see those from `settled`, as it was when it was submitted, on. */
typedef struct object {
  char       key[32];
  version_t *versions;
  size_t     count, settled;
  bool       changing; /* a put or a delete is in flight; there is one at a time */
} object_t;

typedef struct flight {
  bool               used;
  verb_t             verb;
  object_t          *object;
  size_t             oldest; /* the version that was settled when this was submitted */
  size_t             change; /* put and delete: their own version */
  uint64_t           offset, length;
  bool               may_be_cancelled, may_be_late;
  guarded_t          memory;
  blobferry_ticket_t ticket;
} flight_t;

/* A buffer whose completion was taken, and what must be in it when it is looked at. */
typedef struct spent {
  bool       used, is_put, failed;
  guarded_t  memory;
  uint64_t   offset, result;
  uint64_t   reach;    /* bytes from the beginning that may have been written */
  version_t *versions; /* those that a get may have seen */
  size_t     count;
} spent_t;

typedef struct sweep {
  fixture_t fixture;
  uint64_t  dice;
  object_t  objects[KEYS];
  flight_t  flights[FLIGHTS];
  spent_t   spent[QUARANTINE];
  size_t    turn;
  long      outcomes[VERB_COUNT][2]; /* succeeded, not */
  long      cancelled, late, changed;
  long      failed_with_tail; /* gets that failed and whose buffer was larger than the range */
} sweep_t;

/* -- the model ------------------------------------------------------------------------------------------- */

static size_t add_version(object_t *object, version_t version) {
  object->versions = realloc(object->versions, (object->count + 1) * sizeof version);
  if (object->versions == NULL) abort();
  object->versions[object->count] = version;
  return object->count++;
}

/* k parts, and some bytes more or less. */
static size_t roll_size(sweep_t *sweep) {
  size_t  parts = roll(&sweep->dice, MOST_PARTS + 1) * PART;
  int64_t more = (int64_t)roll(&sweep->dice, 5) - 2;
  if (roll(&sweep->dice, 3) == 0) more = (int64_t)roll(&sweep->dice, PART);
  return more < 0 && parts < (size_t)-more ? 0 : parts + (size_t)more;
}

/* What a get of this range into this buffer gives where the object is at this version. */
static blobferry_status_t outcome_at(const flight_t *flight, const version_t *version, uint64_t *result_out) {
  *result_out = 0;
  if (!version->there) return BLOBFERRY_E_NOT_FOUND;
  if (flight->offset >= version->size && flight->offset > 0) return BLOBFERRY_E_RANGE;
  uint64_t left = version->size - flight->offset;
  *result_out = left < flight->length ? left : flight->length;
  return *result_out > flight->memory.size ? BLOBFERRY_E_TOO_SMALL : BLOBFERRY_OK;
}

/* Whether the completion fits a version that the get may have seen; collects those whose bytes it may hold. */
static bool fits_a_version(const flight_t *flight, const blobferry_completion_t *completion, spent_t *spent) {
  const object_t *object = flight->object;
  bool            fits = false;
  spent->versions = calloc(object->count - flight->oldest + 1, sizeof *spent->versions);
  for (size_t i = flight->oldest; i < object->count; i++) {
    uint64_t result;
    if (object->versions[i].dead) continue;
    if (outcome_at(flight, &object->versions[i], &result) != completion->status) continue;
    bool counts = completion->status == BLOBFERRY_OK || completion->status == BLOBFERRY_E_TOO_SMALL;
    if (counts && result != completion->result) continue;
    fits = true;
    spent->versions[spent->count++] = object->versions[i];
  }
  return fits;
}

/* How far into its buffer a get may write, whatever becomes of it: to the end of the range, or of the object. */
static uint64_t reach_of(const flight_t *flight) {
  const object_t *object = flight->object;
  uint64_t        reach = 0;
  for (size_t i = flight->oldest; i < object->count; i++) {
    const version_t *version = &object->versions[i];
    if (version->dead || !version->there || version->size <= flight->offset) continue;
    if (version->size - flight->offset > reach) reach = version->size - flight->offset;
  }
  return reach < flight->length ? reach : flight->length;
}

/* -- submitting -------------------------------------------------------------------------------------------- */

static size_t roll_buffer(sweep_t *sweep, const flight_t *flight) {
  const version_t *now = &flight->object->versions[flight->object->count - 1];
  uint64_t         left = now->there && flight->offset < now->size ? now->size - flight->offset : 0;
  uint64_t         fits = left < flight->length ? left : flight->length;
  switch (roll(&sweep->dice, 6)) {
    case 0: return roll(&sweep->dice, fits + 1);
    case 1: return fits > 0 ? fits - 1 : 0;
    case 2: return fits + 1 + roll(&sweep->dice, PART);
    default: return fits;
  }
}

static blobferry_status_t submit_get(sweep_t *sweep, flight_t *flight, uint64_t timeout_ms, uint64_t number) {
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  const uint64_t          longest = MOST_PARTS * PART + PART;
  flight->offset = roll(&sweep->dice, 2) ? 0 : roll(&sweep->dice, longest);
  if (roll(&sweep->dice, 4) == 0) flight->offset = roll(&sweep->dice, MOST_PARTS) * PART + roll(&sweep->dice, 3) - 1;
  if (flight->offset > longest) flight->offset = 0;
  flight->length = roll(&sweep->dice, 2) ? BLOBFERRY_LENGTH_TO_END : roll(&sweep->dice, longest);
  flight->memory = guarded_new(roll_buffer(sweep, flight));
  options.timeout_ms = timeout_ms;
  options.offset = flight->offset;
  options.length = flight->length;
  options.part_size = roll(&sweep->dice, 4) == 0 ? 1000 + roll(&sweep->dice, PART) : PART;
  options.max_in_flight = (uint32_t)roll(&sweep->dice, 5);
  return blobferry_object_get(sweep->fixture.store, sweep->fixture.cq, flight->object->key, flight->memory.data,
                              flight->memory.size, &options, number, &flight->ticket, NULL);
}

static blobferry_status_t submit_put(sweep_t *sweep, flight_t *flight, uint64_t timeout_ms, uint64_t number) {
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  version_t               version = {true, false, roll_size(sweep), roll(&sweep->dice, UINT32_MAX)};
  flight->change = add_version(flight->object, version);
  flight->object->changing = true;
  flight->memory = guarded_new(version.size);
  pattern_fill(flight->memory.data, version.size, version.seed);
  options.timeout_ms = timeout_ms;
  return blobferry_object_put(sweep->fixture.store, sweep->fixture.cq, flight->object->key, flight->memory.data,
                              flight->memory.size, &options, number, &flight->ticket, NULL);
}

static blobferry_status_t submit_delete(sweep_t *sweep, flight_t *flight, uint64_t timeout_ms, uint64_t number) {
  request_t request = {VERB_DELETE, flight->object->key, NULL, 0, NULL, timeout_ms, number};
  version_t version = {false, false, 0, 0};
  flight->change = add_version(flight->object, version);
  flight->object->changing = true;
  return submit(&request, sweep->fixture.store, sweep->fixture.cq, &flight->ticket, NULL);
}

static void launch(sweep_t *sweep, uint64_t number) {
  flight_t *flight = &sweep->flights[number];
  uint64_t  timeout_ms = roll(&sweep->dice, 12) == 0 ? 1 + roll(&sweep->dice, 3) : 0;
  memset(flight, 0, sizeof *flight);
  flight->used = true;
  flight->object = &sweep->objects[roll(&sweep->dice, KEYS)];
  flight->oldest = flight->object->settled;
  flight->may_be_late = timeout_ms > 0;
  uint64_t           side = roll(&sweep->dice, 10);
  blobferry_status_t status;
  if (side < 6 || flight->object->changing) {
    flight->verb = VERB_GET;
    status = submit_get(sweep, flight, timeout_ms, number);
  } else if (side < 9) {
    flight->verb = VERB_PUT;
    status = submit_put(sweep, flight, timeout_ms, number);
  } else {
    flight->verb = VERB_DELETE;
    status = submit_delete(sweep, flight, timeout_ms, number);
  }
  CHECK_STATUS(status, BLOBFERRY_OK);
}

/* Sometimes cancels one of the requests in flight. */
static void cancel_some(sweep_t *sweep) {
  flight_t *flight = &sweep->flights[roll(&sweep->dice, FLIGHTS)];
  if (!flight->used || roll(&sweep->dice, 4) != 0) return;
  flight->may_be_cancelled = true;
  must_cancel(sweep->fixture.cq, flight->ticket);
}

/* -- completions --------------------------------------------------------------------------------------------- */

/* Looks at a buffer that was locked for a while, and releases it. */
static void release(spent_t *spent) {
  if (!spent->used) return;
  bool good = spent->failed;
  guarded_unlock(&spent->memory);
  for (size_t i = 0; i < spent->count && !good; i++)
    good = pattern_is(spent->memory.data, spent->result, spent->versions[i].seed, spent->offset);
  if (!good) FAIL("%s of %llu bytes at %llu: wrong bytes", spent->is_put ? "put" : "get",
                  (unsigned long long)spent->result, (unsigned long long)spent->offset);
  for (size_t at = spent->reach; at < spent->memory.size; at++)
    if (spent->memory.data[at] != CANARY) {
      FAIL("get%s: byte %zu, beyond the first %llu, was written", spent->failed ? " that failed" : "", at,
           (unsigned long long)spent->reach);
      break;
    }
  guarded_free(&spent->memory);
  free(spent->versions);
  spent->used = false;
}

static void end_change(sweep_t *sweep, flight_t *flight, const blobferry_completion_t *completion) {
  object_t *object = flight->object;
  bool      unsure = (completion->flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) != 0;
  CHECK_INT(blobferry_error_is_maybe_committed(completion->error), unsure);
  object->changing = false;
  if (completion->status == BLOBFERRY_OK) {
    CHECK_INT(completion->result, flight->verb == VERB_PUT ? flight->memory.size : 0);
    object->settled = flight->change;
  } else if (!unsure) {
    object->versions[flight->change].dead = true;
  }
  sweep->outcomes[flight->verb][completion->status != BLOBFERRY_OK]++;
}

/* A status that needs no model: true where the request was asked to end, or the object changed meanwhile. */
static bool ended_early(sweep_t *sweep, const flight_t *flight, const blobferry_completion_t *completion) {
  if (completion->status == BLOBFERRY_E_CANCELLED && flight->may_be_cancelled) return ++sweep->cancelled;
  if (completion->status == BLOBFERRY_E_DEADLINE && flight->may_be_late) return ++sweep->late;
  if (completion->status == BLOBFERRY_E_CHANGED && flight->object->count - flight->oldest > 1) return ++sweep->changed;
  return false;
}

static void land(sweep_t *sweep) {
  blobferry_completion_t completion = wait_one(sweep->fixture.cq);
  flight_t              *flight = &sweep->flights[completion.user_data];
  spent_t               *spent = &sweep->spent[sweep->turn++ % QUARANTINE], now;
  if (flight->verb != VERB_DELETE) guarded_lock(&flight->memory);
  CHECK(completion.ticket == flight->ticket);
  memset(&now, 0, sizeof now);
  now.used = flight->verb != VERB_DELETE;
  now.memory = flight->memory;
  now.is_put = flight->verb == VERB_PUT;
  now.failed = completion.status != BLOBFERRY_OK;
  now.offset = flight->offset;
  now.result = now.reach = completion.result;
  bool early = ended_early(sweep, flight, &completion);
  if (flight->verb == VERB_GET) {
    if (!early && !fits_a_version(flight, &completion, &now))
      FAIL("get of %s from %llu: %s with result %llu: %s", flight->object->key, (unsigned long long)flight->offset,
           blobferry_status_name(completion.status), (unsigned long long)completion.result,
           blobferry_error_message(completion.error));
    if (now.failed) now.reach = reach_of(flight);
    if (now.failed && now.reach < flight->memory.size) sweep->failed_with_tail++;
    sweep->outcomes[VERB_GET][now.failed]++;
  } else {
    if (!early) CHECK_STATUS(completion.status, BLOBFERRY_OK);
    end_change(sweep, flight, &completion);
    if (now.is_put) { /* whatever became of it, the library only reads what is put */
      now.failed = false;
      now.result = now.reach = flight->memory.size;
      now.versions = calloc(1, sizeof *now.versions);
      now.versions[now.count++] = flight->object->versions[flight->change];
    }
  }
  flight->used = false;
  dispose(&completion);
  release(spent);
  *spent = now;
}

/* -- the sweep --------------------------------------------------------------------------------------------------- */

static size_t in_flight(const sweep_t *sweep) {
  size_t count = 0;
  for (size_t i = 0; i < FLIGHTS; i++) count += sweep->flights[i].used;
  return count;
}

static void launch_more(sweep_t *sweep, long *left) {
  size_t wanted = 1 + roll(&sweep->dice, FLIGHTS);
  for (size_t i = 0; i < FLIGHTS && *left > 0 && in_flight(sweep) < wanted; i++)
    if (!sweep->flights[i].used) {
      launch(sweep, i);
      --*left;
    }
}

/* When nothing runs any more, every object is at a version that it may be at. */
static void check_the_end(sweep_t *sweep) {
  for (size_t i = 0; i < KEYS; i++) {
    object_t              *object = &sweep->objects[i];
    blobferry_completion_t completion = head(&sweep->fixture, object->key);
    bool                   good = false;
    for (size_t at = object->settled; at < object->count && !good; at++) {
      const version_t *version = &object->versions[at];
      if (version->dead || version->there != (completion.status == BLOBFERRY_OK)) continue;
      good = !version->there || version->size == completion.result;
      if (good && version->there && at == object->settled && at + 1 == object->count)
        check_object(&sweep->fixture, object->key, version->size, version->seed);
    }
    if (!good) FAIL("at the end %s is %s", object->key, blobferry_status_name(completion.status));
    dispose(&completion);
    free(object->versions);
  }
}

static void run_sweep(fixture_t fixture, long requests) {
  sweep_t  *sweep = calloc(1, sizeof *sweep);
  version_t nothing = {false, false, 0, 0};
  sweep->fixture = fixture;
  sweep->dice = test_seed();
  for (size_t i = 0; i < KEYS; i++) {
    snprintf(sweep->objects[i].key, sizeof sweep->objects[i].key, "folder-%zu/object-%zu", i % 3, i);
    add_version(&sweep->objects[i], nothing);
  }
  for (long left = requests; left > 0 || in_flight(sweep) > 0;) {
    launch_more(sweep, &left);
    cancel_some(sweep);
    while (in_flight(sweep) > roll(&sweep->dice, FLIGHTS) || (left == 0 && in_flight(sweep) > 0)) {
      land(sweep);
      cancel_some(sweep);
    }
  }
  for (size_t i = 0; i < QUARANTINE; i++) release(&sweep->spent[i]);
  check_the_end(sweep);
  printf("(gets %ld + %ld, puts %ld + %ld, deletes %ld + %ld; %ld cancelled, %ld late, %ld changed; "
         "%ld gets failed with more memory than they needed)\n",
         sweep->outcomes[VERB_GET][0], sweep->outcomes[VERB_GET][1], sweep->outcomes[VERB_PUT][0],
         sweep->outcomes[VERB_PUT][1], sweep->outcomes[VERB_DELETE][0], sweep->outcomes[VERB_DELETE][1],
         sweep->cancelled, sweep->late, sweep->changed, sweep->failed_with_tail);
  if (requests >= 1000) {
    CHECK(sweep->outcomes[VERB_GET][0] > 0 && sweep->outcomes[VERB_PUT][0] > 0);
    CHECK(sweep->outcomes[VERB_DELETE][0] > 0 && sweep->cancelled > 0 && sweep->failed_with_tail > 0);
  }
  fixture_free(&sweep->fixture);
  free(sweep);
}

/* Fewer would hardly ever have two requests for one object in flight. */
static long requests(long full) { return rounds(full) < 500 ? 500 : rounds(full); }

static void in_memory_store(void) { run_sweep(in_memory(), requests(30000)); }
static void in_a_folder(void) { run_sweep(in_folder(), requests(10000)); }

static void with_a_store_of_small_parts(void) {
  blobferry_pair_t options[] = {{"part_size", "4KiB"}, {"max_in_flight", "3"}};
  char             folder[256];
  run_sweep(with_url("memory://small", options, 2), requests(5000));
  make_folder(folder);
  run_sweep(in_this_folder(folder, options, 2), requests(3000));
}

TESTS(TEST(in_memory_store), TEST(in_a_folder), TEST(with_a_store_of_small_parts))
