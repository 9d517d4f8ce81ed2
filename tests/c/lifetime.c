/*
 * Who outlives whom: handles freed in any order, what still works after the
 * service is gone, and services side by side. What happens at exit and in a forked
 * child is in exit.c and fork.c, the threads are in threads.c.
 */
#include "traffic.h"

/* -- after the service ----------------------------------------------------------------------------------- */

static void errors_and_details_outlive_their_service(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://lifetime");
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_NONE);
  uint8_t              text[6] = "foobar";
  blobferry_pair_t     colour = {"colour", "green"};

  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  options.content_type = "text/plain";
  options.metadata = &colour;
  options.metadata_count = 1;
  must(blobferry_object_put(store, cq, "object", text, 6, &options, 0, NULL, NULL), NULL, "put");
  expect(cq, BLOBFERRY_OK, 0);
  request_t head = {VERB_HEAD, "object", NULL, 0, NULL, 0, 0};
  must_submit(&head, store, cq);
  blobferry_completion_t found = wait_one(cq);
  head.key = "missing";
  must_submit(&head, store, cq);
  blobferry_completion_t missing = wait_one(cq);

  blobferry_error_t *refused = NULL;
  CHECK_STATUS(blobferry_object_get(store, cq, "a//b", NULL, 0, NULL, 0, NULL, &refused), BLOBFERRY_E_ARGUMENT);

  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);

  size_t count = 0;
  CHECK_INT(blobferry_details_size(found.details), 6);
  CHECK_TEXT(blobferry_details_content_type(found.details), "text/plain");
  const blobferry_pair_t *pairs = blobferry_details_metadata(found.details, &count);
  CHECK_INT(count, 1);
  if (count == 1) CHECK_TEXT(pairs[0].value, "green");
  CHECK(blobferry_details_revision(found.details) != NULL);
  blobferry_details_free(found.details);
  check_error(missing.error, BLOBFERRY_E_NOT_FOUND, "missing");
  check_error(refused, BLOBFERRY_E_ARGUMENT, "a//b");
}

static void queue_gives_its_completions_after_its_service_is_freed(void) {
  watch(__func__);
  for (uint32_t wake = BLOBFERRY_WAKE_NONE; wake <= BLOBFERRY_WAKE_FD; wake++) {
    blobferry_service_t *service = new_service();
    blobferry_store_t   *store = open_store(service, "fault://lifetime");
    blobferry_cq_t      *cq = new_cq(service, 16, wake);
    guarded_t            memory = guarded_new(1000);
    blobferry_completion_t completion;
    size_t                 count = 0;
    must_ping(store, cq, 1);
    settle(service);
    must_get(store, cq, "never", memory.data, memory.size, 2);
    blobferry_service_free(service);
    guarded_lock(&memory);
    CHECK_STATUS(try_ping(store, cq, 3), BLOBFERRY_E_CLOSED);
    expect(cq, BLOBFERRY_E_NOT_FOUND, 1);
    expect(cq, BLOBFERRY_E_CANCELLED, 2);
    CHECK_STATUS(blobferry_cq_wait(cq, &completion, 1, -1, &count, NULL), BLOBFERRY_E_CLOSED);
    await_drained(cq);
    CHECK_STATUS(blobferry_cq_close(cq, NULL), BLOBFERRY_OK);
    guarded_free(&memory);
    blobferry_cq_free(cq);
    blobferry_store_free(store);
  }
}

/* Everything that a garbage-collected host may still call on the handles that it has left. */
static void handles_answer_after_their_service_is_freed(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://lifetime");
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_FD);
  uint8_t              byte = 1;
  size_t               count = 0;
  uint64_t             capabilities = blobferry_store_capabilities(store);
  put_object(store, cq, "object", &byte, 1);
  blobferry_list_t *read = new_list(store, ""), *fresh = new_list(store, "");
  request_t         page = {VERB_LIST, NULL, NULL, 0, read, 0, 1};
  must_submit(&page, store, cq);
  expect(cq, BLOBFERRY_OK, 1);

  blobferry_service_free(service);
  const blobferry_entry_t *entries = blobferry_list_entries(read, &count);
  CHECK_INT(count, 1);
  if (count == 1) CHECK_TEXT(entries[0].key, "object");
  CHECK_INT(blobferry_store_capabilities(store), capabilities);
  CHECK(capabilities != 0);
  for (int verb = 0; verb < VERB_COUNT; verb++) {
    request_t          request = {(verb_t)verb, "object", &byte, 1, fresh, 0, 1};
    blobferry_error_t *error = NULL;
    CHECK_STATUS(submit(&request, store, cq, NULL, &error), BLOBFERRY_E_CLOSED);
    check_error(error, BLOBFERRY_E_CLOSED, "closed");
  }
  must_cancel(cq, 12345);
  blobferry_list_free(read);
  blobferry_store_free(store);
  blobferry_list_free(fresh); /* holds its own reference to the store */
  blobferry_cq_free(cq);
}

/* -- every order of frees ---------------------------------------------------------------------------------- */

enum { SERVICE, QUEUE, CALLBACK_QUEUE, STORE, LIST, HANDLES };

typedef struct household {
  blobferry_service_t *service;
  blobferry_cq_t      *queue, *callback_queue;
  blobferry_store_t   *store;
  blobferry_list_t    *list;
  atomic_int           called_back;
} household_t;

static void count_and_dispose(void *argument, const blobferry_completion_t *completions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    blobferry_completion_t completion = completions[i];
    dispose(&completion);
  }
  atomic_fetch_add((atomic_int *)argument, (int)count);
}

static void free_one(household_t *household, int handle) {
  switch (handle) {
    case SERVICE: blobferry_service_free(household->service); break;
    case QUEUE: blobferry_cq_free(household->queue); break;
    case CALLBACK_QUEUE: blobferry_cq_free(household->callback_queue); break;
    case STORE: blobferry_store_free(household->store); break;
    default: blobferry_list_free(household->list);
  }
}

/* With a page under way, requests that never end, and completions that nobody has taken. */
static void free_in_order(const int *order) {
  blobferry_service_options_t options = BLOBFERRY_SERVICE_OPTIONS_INIT;
  household_t                 household = {.called_back = 0};
  options.io_threads = 1;
  options.pool_threads = 2;
  must(blobferry_service_new(&options, &household.service, NULL), NULL, "blobferry_service_new");
  household.store = open_store(household.service, "fault://household");
  household.queue = new_cq(household.service, 8, BLOBFERRY_WAKE_NONE);
  household.callback_queue = new_callback_cq(household.service, 8, count_and_dispose, &household.called_back);
  household.list = new_list(household.store, "");
  guarded_t memory[2] = {guarded_new(100), guarded_new(100)};
  must_ping(household.store, household.queue, 1);
  settle(household.service);
  must_get(household.store, household.queue, "never", memory[0].data, memory[0].size, 2);
  must_get(household.store, household.callback_queue, "never", memory[1].data, memory[1].size, 3);
  request_t page = {VERB_LIST, NULL, NULL, 0, household.list, 0, 4};
  must_submit(&page, household.store, household.queue);
  for (int i = 0; i < HANDLES; i++) {
    free_one(&household, order[i]);
    if (order[i] == SERVICE || order[i] == QUEUE) guarded_lock(&memory[0]);
    if (order[i] == SERVICE || order[i] == CALLBACK_QUEUE) guarded_lock(&memory[1]);
    if (order[i] == CALLBACK_QUEUE) CHECK_INT(atomic_load(&household.called_back), 1);
  }
  check_nothing_lives();
  guarded_free(&memory[0]);
  guarded_free(&memory[1]);
  beat();
}

static int permute(int *order, int from, int *wanted) {
  if (from == HANDLES) {
    if (*wanted == 0) return 0;
    --*wanted;
    free_in_order(order);
    return 1;
  }
  int done = 0;
  for (int i = from; i < HANDLES; i++) {
    int first = order[from];
    order[from] = order[i];
    order[i] = first;
    done += permute(order, from + 1, wanted);
    order[i] = order[from];
    order[from] = first;
  }
  return done;
}

static void handles_are_freed_in_any_order(void) {
  watch(__func__);
  int order[HANDLES] = {SERVICE, QUEUE, CALLBACK_QUEUE, STORE, LIST};
  int wanted = (int)rounds(1000);
  int done = permute(order, 0, &wanted);
  CHECK(done == 120 || wanted == 0);
}

/* -- services side by side ----------------------------------------------------------------------------------- */

static void services_do_not_meet(void) {
  watch(__func__);
  enum { SERVICES = 4 };
  blobferry_service_t *services[SERVICES];
  blobferry_store_t   *stores[SERVICES], *again[SERVICES];
  blobferry_cq_t      *queues[SERVICES];
  for (uint8_t i = 0; i < SERVICES; i++) {
    services[i] = new_service();
    stores[i] = open_store(services[i], "memory://same-name");
    again[i] = open_store(services[i], "memory://same-name");
    queues[i] = new_cq(services[i], 8, BLOBFERRY_WAKE_NONE);
    CHECK(!object_exists(stores[i], queues[i], "object"));
    put_object(stores[i], queues[i], "object", &i, 1);
  }
  for (uint8_t i = 0; i < SERVICES; i++) {
    /* The other store of that name in the same service, and it alone, has the byte of this service. */
    uint8_t byte = 99;
    must_get(again[i], queues[i], "object", &byte, 1, 5);
    expect(queues[i], BLOBFERRY_OK, 5);
    CHECK_INT(byte, i);
  }
  /* A store and a queue of two services do not go together. */
  uint8_t byte = 99;
  CHECK_STATUS(blobferry_object_get(stores[0], queues[1], "object", &byte, 1, NULL, 0, NULL, NULL),
               BLOBFERRY_E_ARGUMENT);
  /* One is freed, the others go on. */
  blobferry_service_free(services[0]);
  for (uint8_t i = 1; i < SERVICES; i++) {
    must_get(stores[i], queues[i], "object", &byte, 1, 6);
    expect(queues[i], BLOBFERRY_OK, 6);
    CHECK_INT(byte, i);
  }
  for (int i = 0; i < SERVICES; i++) {
    blobferry_store_free(stores[i]);
    blobferry_store_free(again[i]);
    blobferry_cq_free(queues[i]);
    if (i > 0) blobferry_service_free(services[i]);
  }
}

/* Objects in memory live as long as the service: a store may be closed and opened again. */
static void memory_lives_as_long_as_its_service(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_NONE);
  blobferry_store_t   *store = open_store(service, "memory://lasting");
  uint8_t              byte = 17, back = 0;
  put_object(store, cq, "object", &byte, 1);
  blobferry_store_free(store);
  store = open_store(service, "memory://lasting");
  must_get(store, cq, "object", &back, 1, 1);
  expect(cq, BLOBFERRY_OK, 1);
  CHECK_INT(back, 17);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

static void store_freed_with_its_requests_in_flight(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  blobferry_cq_t      *cq = new_cq(service, 8, BLOBFERRY_WAKE_NONE);
  for (long round = rounds(2000); round > 0; round--) {
    blobferry_store_t *store = open_store(service, "fault://brief");
    blobferry_ticket_t never = must_get(store, cq, "never", NULL, 0, 1);
    must_ping(store, cq, 2);
    blobferry_store_free(store);
    expect(cq, BLOBFERRY_E_NOT_FOUND, 2);
    must_cancel(cq, never);
    expect(cq, BLOBFERRY_E_CANCELLED, 1);
  }
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

TESTS(TEST(errors_and_details_outlive_their_service), TEST(queue_gives_its_completions_after_its_service_is_freed),
      TEST(handles_answer_after_their_service_is_freed), TEST(handles_are_freed_in_any_order),
      TEST(services_do_not_meet), TEST(memory_lives_as_long_as_its_service),
      TEST(store_freed_with_its_requests_in_flight))
