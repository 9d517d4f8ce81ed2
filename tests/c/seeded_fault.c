/*
 * One seeded fault for each tool that watches the tests, so that the test command
 * can assert that the tool is on: each must be REPORTED.
 *
 *   use-after-free  AddressSanitizer, valgrind: a thread of the library writes into a
 *                   lent buffer that the caller has freed, then the caller reads it
 *   overflow        UndefinedBehaviorSanitizer: a signed overflow
 *   leak            LeakSanitizer, valgrind: an error of the library that nobody frees
 *   unwritten       valgrind: a decision on bytes of a buffer that nobody has written
 *   race            ThreadSanitizer: two threads of the caller write into a got buffer
 *   lent-race       ThreadSanitizer: the caller writes into a buffer while it is lent
 *
 * What it does without its tool is undefined.
 */
#include "traffic.h"

typedef struct fixture {
  blobferry_service_t *service;
  blobferry_store_t   *store;
  blobferry_cq_t      *cq;
} fixture_t;

static fixture_t set_up(void) {
  fixture_t fixture;
  fixture.service = new_service();
  fixture.store = open_store(fixture.service, "fault://seeded");
  fixture.cq = new_cq(fixture.service, 4, BLOBFERRY_WAKE_NONE);
  return fixture;
}

static void take_down(fixture_t *fixture) {
  blobferry_store_free(fixture->store);
  blobferry_cq_free(fixture->cq);
  blobferry_service_free(fixture->service);
}

static void finish_held_get(fixture_t *fixture) {
  blobferry_completion_t completion = wait_one(fixture->cq);
  dispose(&completion);
}

static void use_after_free(void) {
  fixture_t fixture = set_up();
  uint8_t  *buffer = malloc(4096);
  /* volatile, so that the compiler does not see the fault before the tool does */
  uint8_t *volatile again = buffer;
  must_get(fixture.store, fixture.cq, "hold-200", buffer, 4096, 1);
  sleep_us(50000);
  free(buffer);
  finish_held_get(&fixture);
  fprintf(stderr, "%d\n", *again);
  take_down(&fixture);
}

static void signed_overflow(void) {
  fixture_t fixture = set_up();
  must_ping(fixture.store, fixture.cq, 1);
  blobferry_completion_t completion = wait_one(fixture.cq);
  int                    lowest = INT32_MIN;
  volatile int           sum = lowest + completion.status; /* a negative number */
  (void)sum;
  dispose(&completion);
  take_down(&fixture);
}

static void forget_an_error(void) {
  fixture_t          fixture = set_up();
  blobferry_error_t *error = NULL;
  blobferry_object_get(fixture.store, fixture.cq, "a//b", NULL, 0, NULL, 0, NULL, &error);
  error = NULL;
  take_down(&fixture);
}

static void decide_on_unwritten_bytes(void) {
  fixture_t fixture = set_up();
  uint8_t  *buffer = malloc(64);
  must_get(fixture.store, fixture.cq, "missing", buffer, 64, 1);
  blobferry_completion_t completion = wait_one(fixture.cq);
  dispose(&completion);
  if (buffer[7] == 'x') fprintf(stderr, "an x\n");
  free(buffer);
  take_down(&fixture);
}

static void *write_a_byte(void *argument) {
  *(uint8_t *)argument += 1;
  return NULL;
}

static void race_on_a_got_buffer(void) {
  fixture_t fixture = set_up();
  uint8_t   buffer[16] = "abc";
  pthread_t threads[2];
  put_object(fixture.store, fixture.cq, "object", buffer, sizeof buffer);
  must_get(fixture.store, fixture.cq, "object", buffer, sizeof buffer, 1);
  expect(fixture.cq, BLOBFERRY_OK, 1);
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, write_a_byte, buffer);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  take_down(&fixture);
}

static void race_on_a_lent_buffer(void) {
  fixture_t       fixture = set_up();
  static uint8_t  buffer[4096];
  must_get(fixture.store, fixture.cq, "hold-100", buffer, sizeof buffer, 1);
  for (int i = 0; i < 100; i++) {
    *(volatile uint8_t *)&buffer[100] = 1;
    sleep_us(500);
  }
  finish_held_get(&fixture);
  take_down(&fixture);
}

static const struct seeded {
  const char *name;
  void (*commit)(void);
} faults[] = {{"use-after-free", use_after_free}, {"overflow", signed_overflow},
              {"leak", forget_an_error},          {"unwritten", decide_on_unwritten_bytes},
              {"race", race_on_a_got_buffer},     {"lent-race", race_on_a_lent_buffer}};

int main(int argc, char **argv) {
  for (size_t i = 0; argc == 2 && i < sizeof faults / sizeof faults[0]; i++) {
    if (strcmp(argv[1], faults[i].name) != 0) continue;
    faults[i].commit();
    return 0;
  }
  fprintf(stderr, "usage: seeded_fault use-after-free|overflow|leak|unwritten|race|lent-race\n");
  return 2;
}
