/*
 * The service: the settings that it reads back, the threads that it makes, the
 * numbers it tells while requests run, the budget of memory, and draining.
 */
#include "verbs.h"

#include <dirent.h>

#define MIB ((size_t)1 << 20)

static blobferry_service_t *new_service_of(const blobferry_service_options_t *options) {
  blobferry_service_t *service = NULL;
  blobferry_error_t   *error = NULL;
  blobferry_status_t   status = blobferry_service_new(options, &service, &error);
  must(status, error, "blobferry_service_new");
  return service;
}

static blobferry_service_options_t settings_of(const blobferry_service_t *service) {
  blobferry_service_options_t settings;
  blobferry_error_t          *error = NULL;
  memset(&settings, 0xEE, sizeof settings);
  settings.struct_size = sizeof settings;
  blobferry_status_t status = blobferry_service_settings(service, &settings, &error);
  must(status, error, "blobferry_service_settings");
  CHECK_INT(settings.struct_size, sizeof settings);
  CHECK_INT(settings.flags, 0);
  return settings;
}

/* -- settings ---------------------------------------------------------------------------------------- */

static void check_defaults(const blobferry_service_options_t *options) {
  blobferry_service_t        *service = new_service_of(options);
  blobferry_service_options_t settings = settings_of(service);
  CHECK(settings.io_threads >= 1 && settings.io_threads <= 4);
  CHECK(settings.pool_threads >= 2 && settings.pool_threads <= 16);
  /* Both are one per CPU, within their bounds. */
  CHECK(settings.pool_threads >= settings.io_threads);
  if (settings.io_threads < 4) CHECK_INT(settings.pool_threads, settings.io_threads > 2 ? settings.io_threads : 2);
  /* So is this one, with no other bound that a machine of today meets. */
  CHECK(settings.compute_threads >= settings.io_threads && settings.compute_threads <= 64);
  CHECK_INT(settings.max_credits, 65536);
  CHECK_INT(settings.max_requests_in_flight, 1024);
  CHECK_INT(settings.max_bytes_in_flight, 256 * MIB);
  blobferry_service_free(service);
}

static void the_defaults_are_read_back_as_numbers(void) {
  blobferry_service_options_t from_macro = BLOBFERRY_SERVICE_OPTIONS_INIT, from_function;
  memset(&from_function, 0xEE, sizeof from_function);
  blobferry_service_options_init(&from_function, sizeof from_function);
  blobferry_service_options_init(NULL, sizeof from_function);
  check_defaults(NULL);
  check_defaults(&from_macro);
  check_defaults(&from_function);
}

static void explicit_settings_are_read_back_exactly(void) {
  const size_t                      size = sizeof(blobferry_service_options_t);
  const blobferry_service_options_t given[] = {
      {size, 1, 1, 1, 1, 1, 0, 0},
      {size, 2, 3, 77, 5, 1234567, 0, 5},
      {size, 7, 19, 70001, 4099, ((uint64_t)1 << 40) + 1, 0, 64},
      {size, 3, 0, 1000, 0, UINT64_MAX, 0, 0},
  };
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
    blobferry_service_t        *service = new_service_of(&given[i]);
    blobferry_service_options_t settings = settings_of(service);
    CHECK_INT(settings.io_threads, given[i].io_threads);
    if (given[i].pool_threads != 0) CHECK_INT(settings.pool_threads, given[i].pool_threads);
    else CHECK(settings.pool_threads >= 2 && settings.pool_threads <= 16);
    CHECK_INT(settings.max_credits, given[i].max_credits);
    uint32_t in_flight = given[i].max_requests_in_flight;
    CHECK_INT(settings.max_requests_in_flight, in_flight != 0 ? in_flight : 1024);
    CHECK(settings.max_bytes_in_flight == given[i].max_bytes_in_flight);
    if (given[i].compute_threads != 0) CHECK_INT(settings.compute_threads, given[i].compute_threads);
    else CHECK(settings.compute_threads >= 1 && settings.compute_threads <= 64);
    blobferry_service_free(service);
  }
}

/* What was read back is right as it stands: it makes the same service again. */
static void settings_make_an_equal_service(void) {
  blobferry_service_t        *first = new_service();
  blobferry_service_options_t settings = settings_of(first);
  blobferry_service_t        *second = new_service_of(&settings);
  blobferry_service_options_t again = settings_of(second);
  CHECK(memcmp(&settings, &again, sizeof settings) == 0);
  blobferry_service_free(first);
  blobferry_service_free(second);
}

/* Every size below the one of the first version is unknown: refused, and nothing is written. */
static void a_shorter_struct_is_refused_and_left_alone(void) {
  blobferry_service_t *service = new_service();
  for (size_t size = 0; size < sizeof(blobferry_service_options_t); size++) {
    size_t             present = size < sizeof size ? sizeof size : size;
    guarded_t          memory = guarded_new(present);
    blobferry_error_t *error = NULL;
    memcpy(memory.data, &size, sizeof size);
    blobferry_service_options_t *settings = (blobferry_service_options_t *)(void *)memory.data;
    CHECK_STATUS(blobferry_service_settings(service, settings, &error), BLOBFERRY_E_ARGUMENT);
    check_error(error, BLOBFERRY_E_ARGUMENT, "struct_size");
    CHECK(memcmp(memory.data, &size, sizeof size) == 0);
    for (size_t at = sizeof size; at < present; at++) CHECK_INT(memory.data[at], CANARY);
    guarded_unlock(&memory);
    guarded_free(&memory);
  }
  blobferry_service_free(service);
}

/* Refused with the name of the option, and nothing is made. */
static void check_out_of_bounds(blobferry_service_options_t options, const char *name) {
  blobferry_service_t *untouched = (blobferry_service_t *)&failures_in_test, *service = untouched;
  blobferry_error_t   *error = NULL;
  CHECK_STATUS(blobferry_service_new(&options, &service, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, name);
  CHECK(service == untouched);
}

static void what_is_out_of_bounds_is_refused_by_name(void) {
  blobferry_service_options_t options = BLOBFERRY_SERVICE_OPTIONS_INIT;
  const uint32_t              too_many[] = {5000, UINT32_MAX};
  for (int i = 0; i < 2; i++) {
    options.io_threads = too_many[i];
    check_out_of_bounds(options, "io_threads");
    options.io_threads = 0;
    options.pool_threads = too_many[i];
    check_out_of_bounds(options, "pool_threads");
    options.pool_threads = 0;
  }
  options.max_credits = UINT32_MAX;
  check_out_of_bounds(options, "max_credits");
  options.max_credits = 0;
  options.max_requests_in_flight = UINT32_MAX;
  check_out_of_bounds(options, "max_requests_in_flight");
  options.max_requests_in_flight = 0;
  options.flags = 1;
  check_out_of_bounds(options, "flags");
  options.flags = 0;
  options.compute_threads = 65;
  check_out_of_bounds(options, "compute_threads");
}

/* -- threads ------------------------------------------------------------------------------------------- */

/* Threads of this process whose name begins with `prefix`. */
static int threads_named(const char *prefix) {
  int            count = 0;
  DIR           *tasks = opendir("/proc/self/task");
  struct dirent *task;
  if (tasks == NULL) {
    FAIL("/proc/self/task: %s", strerror(errno));
    return -1;
  }
  while ((task = readdir(tasks)) != NULL) {
    char path[300], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
    FILE *file = fopen(path, "r");
    if (file == NULL) continue;
    if (fgets(name, sizeof name, file) != NULL && strncmp(name, prefix, strlen(prefix)) == 0) count++;
    fclose(file);
  }
  closedir(tasks);
  return count;
}

/* A thread gives itself its name, so it may take a moment until it has it. */
static void there_are_as_many_threads_as_asked_for(void) {
  watch(__func__);
  const uint32_t counts[][3] = {{1, 1, 1}, {2, 5, 4}, {6, 3, 2}};
  CHECK_INT(threads_named("blobferry"), 0);
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    blobferry_service_options_t options = BLOBFERRY_SERVICE_OPTIONS_INIT;
    blobferry_live_counts_t     live = BLOBFERRY_LIVE_COUNTS_INIT;
    options.io_threads = counts[i][0];
    options.pool_threads = counts[i][1];
    options.compute_threads = counts[i][2];
    blobferry_service_t *service = new_service_of(&options);
    AWAIT(threads_named("blobferry-io") >= (int)counts[i][0]);
    AWAIT(threads_named("blobferry-pool") >= (int)counts[i][1]);
    AWAIT(threads_named("blobferry-comp") >= (int)counts[i][2]);
    CHECK_INT(threads_named("blobferry-io"), counts[i][0]);
    CHECK_INT(threads_named("blobferry-pool"), counts[i][1]);
    CHECK_INT(threads_named("blobferry-comp"), counts[i][2]);
    CHECK_STATUS(blobferry_live_counts(&live), BLOBFERRY_OK);
    CHECK(live.threads >= counts[i][0] + counts[i][1] + counts[i][2]);
    blobferry_service_free(service);
    /* A thread that was joined may be listed for a moment more. */
    AWAIT(threads_named("blobferry") == 0);
  }
}

/* -- numbers -------------------------------------------------------------------------------------------- */

static void check_usage(const blobferry_service_t *service, uint64_t reserved, uint64_t used, uint64_t running,
                        uint64_t in_flight) {
  blobferry_service_usage_t usage = usage_of(service);
  CHECK_INT(usage.credits_reserved, reserved);
  CHECK_INT(usage.credits_used, used);
  CHECK_INT(usage.requests_running, running);
  CHECK_INT(usage.requests_in_flight, in_flight);
}

static void the_numbers_are_exact_while_requests_run(void) {
  enum { PERMITS = 3, FIRST = 5, SECOND = 4 };
  watch(__func__);
  blobferry_service_t *service = new_service_with(100, PERMITS);
  check_usage(service, 0, 0, 0, 0);
  blobferry_cq_t    *first = new_cq(service, 10, BLOBFERRY_WAKE_NONE);
  blobferry_cq_t    *second = new_cq(service, 20, BLOBFERRY_WAKE_FD);
  blobferry_store_t *store = open_store(service, "fault://service");
  blobferry_ticket_t tickets[FIRST + SECOND];
  check_usage(service, 30, 0, 0, 0);
  for (uint64_t i = 0; i < FIRST + SECOND; i++) {
    tickets[i] = must_get(store, i < FIRST ? first : second, "never", NULL, 0, i);
    await_in_flight(service, i + 1 < PERMITS ? i + 1 : PERMITS);
    check_usage(service, 30, i + 1, i + 1, i + 1 < PERMITS ? i + 1 : PERMITS);
  }
  for (int i = 0; i < FIRST; i++) must_cancel(first, tickets[i]);
  AWAIT(usage_of(service).requests_running == SECOND);
  await_in_flight(service, PERMITS);
  /* What has completed and was not taken still has its credit. */
  check_usage(service, 30, FIRST + SECOND, SECOND, PERMITS);
  for (int i = 0; i < FIRST; i++) {
    blobferry_completion_t completion = wait_one(first);
    check_outcome(completion, BLOBFERRY_E_CANCELLED, "");
  }
  check_usage(service, 30, SECOND, SECOND, PERMITS);
  blobferry_cq_free(first);
  check_usage(service, 20, SECOND, SECOND, PERMITS);
  for (int i = FIRST; i < FIRST + SECOND; i++) must_cancel(second, tickets[i]);
  settle(service);
  await_in_flight(service, 0);
  check_usage(service, 20, SECOND, 0, 0);
  blobferry_store_free(store);
  blobferry_cq_free(second);
  check_usage(service, 0, 0, 0, 0);
  blobferry_service_free(service);
}

/* -- the budget of memory ------------------------------------------------------------------------------- */

typedef struct sampler {
  const blobferry_service_t *service;
  atomic_bool                stop;
  uint64_t                   most; /* the most bytes that were ever seen */
} sampler_t;

static void *sample(void *argument) {
  sampler_t *sampler = argument;
  while (!atomic_load(&sampler->stop)) {
    uint64_t now = usage_of(sampler->service).bytes_in_flight;
    if (now > sampler->most) sampler->most = now;
  }
  return NULL;
}

/* `count` puts at once, each of `size` bytes, while another thread watches the budget; gives the most bytes it saw. */
static uint64_t put_and_sample(const fixture_t *fixture, int count, size_t size) {
  sampler_t sampler = {.service = fixture->service, .most = 0};
  pthread_t thread;
  uint8_t  *data = malloc(size);
  pattern_fill(data, size, 1);
  if (pthread_create(&thread, NULL, sample, &sampler) != 0) abort();
  for (int i = 0; i < count; i++) {
    char key[32];
    snprintf(key, sizeof key, "object-%d", i);
    request_t request = {VERB_PUT, key, data, size, NULL, 0, (uint64_t)i};
    must_submit(&request, fixture->store, fixture->cq);
  }
  for (int i = 0; i < count; i++) {
    blobferry_completion_t completion = wait_one(fixture->cq);
    CHECK_INT(completion.result, size);
    check_outcome(completion, BLOBFERRY_OK, "");
  }
  atomic_store(&sampler.stop, true);
  pthread_join(thread, NULL);
  for (int i = 0; i < count; i++) {
    char key[32];
    snprintf(key, sizeof key, "object-%d", i);
    check_object(fixture, key, size, 1);
  }
  free(data);
  AWAIT(usage_of(fixture->service).bytes_in_flight == 0);
  return sampler.most;
}

static fixture_t with_budget(uint64_t bytes) {
  blobferry_service_options_t options = BLOBFERRY_SERVICE_OPTIONS_INIT;
  fixture_t                   fixture;
  memset(&fixture, 0, sizeof fixture);
  options.max_bytes_in_flight = bytes;
  fixture.service = new_service_of(&options);
  fixture.cq = new_cq(fixture.service, 64, BLOBFERRY_WAKE_NONE);
  fixture.store = open_store(fixture.service, "memory://budget");
  return fixture;
}

/* `count` puts of `size` bytes until the budget of 1 MiB was seen in use; it must never be seen overdrawn. */
static void check_budget(int count, size_t size) {
  fixture_t fixture = with_budget(MIB);
  uint64_t  most = 0;
  for (int laps = 0; laps < rounds(3) || most == 0; laps++) {
    uint64_t seen = put_and_sample(&fixture, count, size);
    if (seen > MIB) FAIL("%llu bytes were in flight, of a budget of 1 MiB", (unsigned long long)seen);
    if (seen > most) most = seen;
    if (laps == 200) FAIL("no byte was ever in flight in %d puts", laps * count);
    if (laps == 200) break;
  }
  CHECK_INT(most, MIB); /* each takes all of it */
  fixture_free(&fixture);
}

static void puts_wait_for_the_budget_and_all_complete(void) {
  watch(__func__);
  check_budget(16, MIB);
}

static void a_put_over_the_budget_takes_all_of_it(void) {
  watch(__func__);
  check_budget(1, 4 * MIB);
  check_budget(5, 4 * MIB);
}

/* -- draining --------------------------------------------------------------------------------------------- */

static void drain_waits_no_longer_than_it_may(void) {
  fixture_t          fixture = with_url("fault://service", NULL, 0);
  blobferry_error_t *error = NULL;
  watch(__func__);
  CHECK_STATUS(blobferry_service_drain(fixture.service, 0, &error), BLOBFERRY_OK);
  CHECK(error == NULL);
  CHECK_STATUS(blobferry_service_drain(fixture.service, -1, NULL), BLOBFERRY_OK);
  blobferry_ticket_t ticket = must_get(fixture.store, fixture.cq, "never", NULL, 0, 1);
  CHECK_STATUS(blobferry_service_drain(fixture.service, 0, &error), BLOBFERRY_E_DEADLINE);
  check_error(error, BLOBFERRY_E_DEADLINE, "running");
  uint64_t begun = now_ms();
  CHECK_STATUS(blobferry_service_drain(fixture.service, 50, NULL), BLOBFERRY_E_DEADLINE);
  CHECK(now_ms() - begun >= 50);
  must_cancel(fixture.cq, ticket);
  CHECK_STATUS(blobferry_service_drain(fixture.service, 60000, NULL), BLOBFERRY_OK);
  CHECK_STATUS(blobferry_service_drain(fixture.service, 0, NULL), BLOBFERRY_OK);
  /* Drained means that nothing runs, not that everything was taken. */
  CHECK_INT(usage_of(fixture.service).credits_used, 1);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
  CHECK_STATUS(blobferry_service_drain(NULL, 0, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "service");
  fixture_free(&fixture);
}

/* Without a limit it waits for all that runs, and every completion can then be taken without waiting. */
static void drain_without_a_limit_waits_for_real_work(void) {
  enum { PUTS = 30, HOLDS = 2 };
  char      folder[256];
  fixture_t fixture = with_url("fault://service", NULL, 0);
  watch(__func__);
  make_folder(folder);
  blobferry_store_t *files = open_folder(fixture.service, folder);
  uint8_t           *data = malloc(MIB), held[HOLDS][100];
  pattern_fill(data, MIB, 1);
  for (int i = 0; i < HOLDS; i++) must_get(fixture.store, fixture.cq, "hold-100", held[i], sizeof held[i], PUTS);
  for (uint64_t i = 0; i < PUTS; i++) {
    char key[32];
    snprintf(key, sizeof key, "object-%llu", (unsigned long long)i);
    request_t request = {VERB_PUT, key, data, MIB, NULL, 0, i};
    must_submit(&request, files, fixture.cq);
  }
  CHECK_STATUS(blobferry_service_drain(fixture.service, -1, NULL), BLOBFERRY_OK);
  CHECK_INT(usage_of(fixture.service).requests_running, 0);
  CHECK_INT(live_leases(), 0);
  blobferry_completion_t completions[PUTS + HOLDS];
  size_t                 count = 0;
  CHECK_STATUS(blobferry_cq_drain(fixture.cq, completions, PUTS + HOLDS, &count, NULL), BLOBFERRY_OK);
  CHECK_INT(count, PUTS + HOLDS);
  for (size_t i = 0; i < count; i++) {
    if (completions[i].user_data < PUTS) CHECK_STATUS(completions[i].status, BLOBFERRY_OK);
    dispose(&completions[i]);
  }
  free(data);
  blobferry_store_free(files);
  fixture_free(&fixture);
  remove_tree(folder);
}

typedef struct drainer {
  blobferry_service_t *service;
  atomic_bool          begun, ended;
} drainer_t;

static void *drain_without_limit(void *argument) {
  drainer_t *drainer = argument;
  atomic_store(&drainer->begun, true);
  CHECK_STATUS(blobferry_service_drain(drainer->service, -1, NULL), BLOBFERRY_OK);
  atomic_store(&drainer->ended, true);
  return NULL;
}

static void new_requests_are_not_refused_by_a_drain(void) {
  fixture_t fixture = with_url("fault://service", NULL, 0);
  drainer_t drainer = {.service = fixture.service};
  pthread_t thread;
  watch(__func__);
  blobferry_ticket_t first = must_get(fixture.store, fixture.cq, "never", NULL, 0, 1);
  if (pthread_create(&thread, NULL, drain_without_limit, &drainer) != 0) abort();
  AWAIT(atomic_load(&drainer.begun));
  sleep_us(20000);
  for (uint64_t i = 0; i < 100; i++) {
    must_ping(fixture.store, fixture.cq, 2);
    expect(fixture.cq, BLOBFERRY_E_NOT_FOUND, 2);
  }
  /* A request that came later is waited for as well. */
  blobferry_cq_t    *other = new_cq(fixture.service, 4, BLOBFERRY_WAKE_NONE);
  blobferry_ticket_t second = must_get(fixture.store, other, "never", NULL, 0, 3);
  must_cancel(fixture.cq, first);
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
  fixture_t late = {fixture.service, other, open_store(fixture.service, "memory://late"), ""};
  must_put(&late, "a", 1000, 1);
  blobferry_store_free(late.store);
  must_cancel(other, second);
  pthread_join(thread, NULL);
  CHECK(atomic_load(&drainer.ended));
  expect(other, BLOBFERRY_E_CANCELLED, 3);
  blobferry_cq_free(other);
  fixture_free(&fixture);
}

/* As long as one runs, a drain without limit does not return; here nothing else ever moves. */
static void a_drain_does_not_return_while_a_request_runs(void) {
  fixture_t fixture = with_url("fault://service", NULL, 0);
  drainer_t drainer = {.service = fixture.service};
  pthread_t thread;
  watch(__func__);
  blobferry_ticket_t ticket = must_get(fixture.store, fixture.cq, "never", NULL, 0, 1);
  if (pthread_create(&thread, NULL, drain_without_limit, &drainer) != 0) abort();
  AWAIT(atomic_load(&drainer.begun));
  sleep_us(50000);
  CHECK(!atomic_load(&drainer.ended));
  must_cancel(fixture.cq, ticket);
  pthread_join(thread, NULL);
  CHECK(atomic_load(&drainer.ended));
  expect(fixture.cq, BLOBFERRY_E_CANCELLED, 1);
  fixture_free(&fixture);
}

TESTS(TEST(the_defaults_are_read_back_as_numbers), TEST(explicit_settings_are_read_back_exactly),
      TEST(settings_make_an_equal_service), TEST(a_shorter_struct_is_refused_and_left_alone),
      TEST(what_is_out_of_bounds_is_refused_by_name), TEST(there_are_as_many_threads_as_asked_for),
      TEST(the_numbers_are_exact_while_requests_run), TEST(puts_wait_for_the_budget_and_all_complete),
      TEST(a_put_over_the_budget_takes_all_of_it), TEST(drain_waits_no_longer_than_it_may),
      TEST(drain_without_a_limit_waits_for_real_work), TEST(new_requests_are_not_refused_by_a_drain),
      TEST(a_drain_does_not_return_while_a_request_runs))
