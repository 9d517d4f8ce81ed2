/*
 * Requests that are told to end early. Two rules make this safe: every accepted
 * request completes exactly once, cancelled or not, and only then is its memory
 * yours again. Cancelling is a race: a request may have been done already.
 *
 * The service here works on one request at a time, so that most of the puts
 * below still wait for their turn when they are cancelled.
 *
 *   usage: 05_cancel_and_deadline [URL of a store]
 */
#include <blobferry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 32, SIZE = 8 * 1024 * 1024 };

typedef struct outcome {
  int done, cancelled, late;
} outcome_t;

/* Ends the program with the error's message, unless all is well. It takes the error's place, not its value: in
 * must(call(..., &error), error) the compiler may read `error` before the call has set it. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1);
}

static void key_of(uint64_t i, char key[32]) {
  snprintf(key, 32, "cancelled/%llu", (unsigned long long)i);
}

/* Submits the puts, each of the same memory: many requests may read one buffer. */
static void submit_puts(blobferry_store_t *store, blobferry_cq_t *cq, const uint8_t *data, uint64_t timeout_ms,
                        blobferry_ticket_t tickets[OBJECTS]) {
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  blobferry_error_t      *error = NULL;
  options.timeout_ms = timeout_ms; /* from this call to the completion; 0 = no limit */
  for (uint64_t i = 0; i < OBJECTS; i++) {
    char key[32];
    key_of(i, key); /* a key is copied by the call; only the buffer is lent */
    must(blobferry_object_put(store, cq, key, data, SIZE, &options, i, &tickets[i], &error), &error);
  }
}

/* Takes the completions of all the puts: exactly as many as were submitted. */
static outcome_t take_puts(blobferry_cq_t *cq, blobferry_status_t statuses[OBJECTS]) {
  outcome_t outcome = {0, 0, 0};
  for (int finished = 0; finished < OBJECTS; finished++) {
    blobferry_completion_t completion;
    blobferry_error_t     *error = NULL;
    size_t                 count = 0;
    must(blobferry_cq_wait(cq, &completion, 1, -1, &count, &error), &error);
    statuses[completion.user_data] = completion.status;
    if (completion.status == BLOBFERRY_E_CANCELLED) {
      outcome.cancelled++;
    } else if (completion.status == BLOBFERRY_E_DEADLINE) {
      outcome.late++;
    } else {
      must(completion.status, &completion.error);
      outcome.done++;
    }
    /* A network store cannot always tell whether a cancelled put took effect; then the completion has a flag. */
    if (completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED) statuses[completion.user_data] = BLOBFERRY_E_UNKNOWN;
    blobferry_error_free(completion.error); /* a failed request brings an error, which is ours now */
  }
  return outcome;
}

static blobferry_status_t head_one(blobferry_store_t *store, blobferry_cq_t *cq, const char *key) {
  blobferry_completion_t completion;
  blobferry_error_t     *error = NULL;
  size_t                 count = 0;
  must(blobferry_object_head(store, cq, key, NULL, 0, NULL, &error), &error);
  must(blobferry_cq_wait(cq, &completion, 1, -1, &count, &error), &error);
  blobferry_error_free(completion.error);
  blobferry_details_free(completion.details);
  return completion.status;
}

static void delete_one(blobferry_store_t *store, blobferry_cq_t *cq, const char *key) {
  blobferry_completion_t completion;
  blobferry_error_t     *error = NULL;
  size_t                 count = 0;
  must(blobferry_object_delete(store, cq, key, NULL, 0, NULL, &error), &error);
  must(blobferry_cq_wait(cq, &completion, 1, -1, &count, &error), &error);
  must(completion.status, &completion.error);
}

/* What was put must be there, what was not must not: a put takes effect wholly or not at all. Then removes it. */
static void check_and_delete(blobferry_store_t *store, blobferry_cq_t *cq, const blobferry_status_t statuses[OBJECTS]) {
  for (uint64_t i = 0; i < OBJECTS; i++) {
    char key[32];
    key_of(i, key);
    blobferry_status_t found = head_one(store, cq, key);
    blobferry_status_t wanted = statuses[i] == BLOBFERRY_OK ? BLOBFERRY_OK : BLOBFERRY_E_NOT_FOUND;
    if (found != wanted && statuses[i] != BLOBFERRY_E_UNKNOWN) {
      fprintf(stderr, "%s: the put said %s, head says %s\n", key, blobferry_status_name(statuses[i]),
              blobferry_status_name(found));
      exit(1);
    }
    delete_one(store, cq, key);
  }
}

int main(int argc, char **argv) {
  blobferry_service_t        *service = NULL;
  blobferry_cq_t             *cq = NULL;
  blobferry_store_t          *store = NULL;
  blobferry_error_t          *error = NULL;
  blobferry_service_options_t options = BLOBFERRY_SERVICE_OPTIONS_INIT;
  blobferry_ticket_t          tickets[OBJECTS];
  blobferry_status_t          statuses[OBJECTS];
  uint8_t                    *data = malloc(SIZE);
  if (data == NULL) return 1;
  memset(data, 'x', SIZE);
  options.max_requests_in_flight = 1;

  must(blobferry_service_new(&options, &service, &error), &error);
  must(blobferry_cq_new(service, NULL, &cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://cancel", NULL, 0, &store, &error), &error);

  submit_puts(store, cq, data, 0, tickets);
  for (int i = 1; i < OBJECTS; i += 2) must(blobferry_cq_cancel(cq, tickets[i], &error), &error);
  outcome_t outcome = take_puts(cq, statuses);
  printf("every second put cancelled: %d done, %d cancelled\n", outcome.done, outcome.cancelled);
  if (outcome.done < OBJECTS / 2 || outcome.late > 0) return 1;
  check_and_delete(store, cq, statuses);

  submit_puts(store, cq, data, 20, tickets);
  outcome = take_puts(cq, statuses);
  printf("20 ms for every put: %d done, %d too late\n", outcome.done, outcome.late);
  if (outcome.cancelled > 0) return 1;
  check_and_delete(store, cq, statuses);

  free(data); /* every completion has been taken: nothing of ours is lent any more */
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return 0;
}
