/*
 * Peers that reset their connections in the middle of puts, in a host that has
 * left SIGPIPE as it is: to end the process. It lives, and has to be asked for
 * nothing.
 */
#include "server.h"

enum { SIZE = 4 << 20 };

/* Each connection is reset after another while: before anything is read, in the body, behind it, or when it is idle. */
static void answer(exchange_t *exchange, void *unused) {
  static const object_t object = {1000, 1, AN_ETAG, A_DATE};
  (void)unused;
  switch (exchange->number % 4) {
    case 0:
      break;
    case 1:
      take(exchange, 100000);
      break;
    case 2:
      take_body(exchange);
      break;
    default:
      answer_well(exchange, &object);
      break;
  }
  reset(exchange);
}

static void check_disposition(void) {
  struct sigaction action;
  sigset_t         mask;
  sigaction(SIGPIPE, NULL, &action);
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  CHECK(action.sa_handler == SIG_DFL);
  CHECK(!sigismember(&mask, SIGPIPE));
}

static uint8_t *bytes(void) {
  static uint8_t all[SIZE];
  return all;
}

static void a_reset_peer_does_not_end_the_host(void) {
  static const kind_t kinds[] = {HTTP, S3, S3_UNSIGNED, AZURE, GCS};
  check_disposition();
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
    server_t *server = server_start(answer, NULL);
    fixture_t fixture = with_server(server, kinds[k], OPTIONS({"max_retries", "1"}, {"part_size", "64MiB"}));
    for (long round = 0; round < rounds(60); round++) {
      request_t request = {VERB_PUT, "key", bytes(), round % 2 ? SIZE : 1000, NULL, 0, 1};
      watch(__func__);
      must_submit(&request, fixture.store, fixture.cq);
      blobferry_completion_t completion = wait_one(fixture.cq);
      CHECK(completion.status == BLOBFERRY_OK || completion.status == BLOBFERRY_E_CONNECTION);
      dispose(&completion);
    }
    fixture_free(&fixture);
    server_free(server);
  }
  check_disposition();
}

/* The host ends puts, frees what they belong to, and cancels, on its own thread, while the peer resets. */
static void freeing_beside_a_reset_peer_does_not_end_the_host(void) {
  uint64_t dice = test_seed();
  for (long round = 0; round < rounds(60); round++) {
    watch(__func__);
    server_t          *server = server_start(answer, NULL);
    fixture_t          fixture = with_server(server, round % 2 ? S3_UNSIGNED : HTTP, NO_OPTIONS);
    request_t          request = {VERB_PUT, "key", bytes(), SIZE, NULL, 0, 1};
    blobferry_ticket_t ticket = 0;
    for (int puts = 0; puts < 8; puts++) ticket = must_submit(&request, fixture.store, fixture.cq);
    sleep_us((long)roll(&dice, 20000));
    if (round % 3 == 0) must_cancel(fixture.cq, ticket);
    if (round % 3 == 1) server_stop(server);
    fixture_free(&fixture);
    server_free(server);
  }
  check_disposition();
}

TESTS(TEST(a_reset_peer_does_not_end_the_host), TEST(freeing_beside_a_reset_peer_does_not_end_the_host))
