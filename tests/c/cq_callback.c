/*
 * Completions delivered to a function: each once, oldest first, on one thread of
 * its own, which may block, submit, and free the queue and the service.
 */
#include "traffic.h"

#include <sys/syscall.h>

/* What a callback has been given. */
typedef struct collector {
  sem_t       arrived; /* posted once for each completion */
  atomic_long count;
  uint64_t    user_data[64];
  long        thread;
  atomic_int  other_threads;
} collector_t;

static long thread_id(void) {
  return syscall(SYS_gettid);
}

static void collect(void *argument, const blobferry_completion_t *completions, size_t count) {
  collector_t *collector = argument;
  CHECK(count > 0);
  if (collector->thread == 0) collector->thread = thread_id();
  if (collector->thread != thread_id()) atomic_fetch_add(&collector->other_threads, 1);
  for (size_t i = 0; i < count; i++) {
    blobferry_completion_t completion = completions[i];
    collector->user_data[atomic_load(&collector->count) % 64] = completion.user_data;
    dispose(&completion);
    atomic_fetch_add(&collector->count, 1);
    beat();
    sem_post(&collector->arrived);
  }
}

static void callback_gets_each_once_oldest_first(void) {
  watch(__func__);
  collector_t collector = {.thread = 0};
  sem_init(&collector.arrived, 0, 0);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://cq");
  blobferry_cq_t      *cq = new_callback_cq(service, 64, collect, &collector);
  for (uint64_t i = 0; i < 64; i++) {
    must_ping(store, cq, 1000 + i);
    settle(service);
  }
  for (int i = 0; i < 64; i++) sem_await(&collector.arrived);
  blobferry_cq_free(cq);
  CHECK_INT(atomic_load(&collector.count), 64);
  for (uint64_t i = 0; i < 64; i++) CHECK_INT(collector.user_data[i], 1000 + i);
  CHECK_INT(atomic_load(&collector.other_threads), 0);
  CHECK(collector.thread != thread_id());
  blobferry_store_free(store);
  blobferry_service_free(service);
  sem_destroy(&collector.arrived);
}

static void nobody_else_drains_a_callback_queue(void) {
  watch(__func__);
  collector_t collector = {.thread = 0};
  sem_init(&collector.arrived, 0, 0);
  blobferry_service_t   *service = new_service();
  blobferry_cq_t        *cq = new_callback_cq(service, 4, collect, &collector);
  blobferry_completion_t completion;
  size_t                 count = 99;
  int                    armed = 99;
  CHECK_STATUS(blobferry_cq_drain(cq, &completion, 1, &count, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_cq_wait(cq, &completion, 1, 0, &count, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_cq_arm(cq, &armed, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_INT(count, 99);
  CHECK_INT(armed, 99);
  CHECK_INT(blobferry_cq_fd(cq), -1);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  sem_destroy(&collector.arrived);
}

static void a_wake_must_be_complete(void) {
  watch(__func__);
  blobferry_service_t   *service = new_service();
  blobferry_cq_t        *cq = NULL;
  blobferry_cq_options_t wrong[5];
  for (int i = 0; i < 5; i++) blobferry_cq_options_init(&wrong[i], sizeof wrong[i]);
  wrong[0].wake = BLOBFERRY_WAKE_FN;
  wrong[1].wake = BLOBFERRY_WAKE_CALLBACK;
  wrong[2].wake = BLOBFERRY_WAKE_FD;
  wrong[2].completion_fn = collect;
  wrong[3].wake = BLOBFERRY_WAKE_CALLBACK + 1;
  wrong[4].wake = BLOBFERRY_WAKE_FN;
  wrong[4].completion_fn = collect;
  for (int i = 0; i < 5; i++) {
    blobferry_error_t *error = NULL;
    CHECK_STATUS(blobferry_cq_new(service, &wrong[i], &cq, &error), BLOBFERRY_E_ARGUMENT);
    CHECK(cq == NULL);
    check_error(error, BLOBFERRY_E_ARGUMENT, "");
  }
  CHECK_INT(usage_of(service).credits_reserved, 0);
  blobferry_service_free(service);
}

/* -- a callback that works ----------------------------------------------------------------------------- */

typedef struct chain {
  blobferry_store_t *store;
  blobferry_cq_t    *cq;
  uint64_t           left;
  sem_t              done;
} chain_t;

/* Each completion submits the next request: with one credit, which is free again by then. */
static void submit_next(void *argument, const blobferry_completion_t *completions, size_t count) {
  chain_t *chain = argument;
  for (size_t i = 0; i < count; i++) {
    blobferry_completion_t completion = completions[i];
    check_ping(&completion, chain->left);
    beat();
    if (--chain->left == 0) sem_post(&chain->done);
    else must_ping(chain->store, chain->cq, chain->left);
  }
}

static void callback_may_submit(void) {
  watch(__func__);
  blobferry_service_t *service = new_service();
  chain_t              chain = {.store = open_store(service, "memory://cq"), .left = (uint64_t)rounds(5000)};
  sem_init(&chain.done, 0, 0);
  chain.cq = new_callback_cq(service, 1, submit_next, &chain);
  must_ping(chain.store, chain.cq, chain.left);
  sem_await(&chain.done);
  blobferry_cq_free(chain.cq);
  blobferry_store_free(chain.store);
  blobferry_service_free(service);
  sem_destroy(&chain.done);
}

typedef struct gate {
  sem_t      entered, open;
  atomic_int passed;
} gate_t;

static void hold_up(void *argument, const blobferry_completion_t *completions, size_t count) {
  gate_t *gate = argument;
  for (size_t i = 0; i < count; i++) {
    blobferry_completion_t completion = completions[i];
    dispose(&completion);
    sem_post(&gate->entered);
    sem_await(&gate->open);
    atomic_fetch_add(&gate->passed, 1);
  }
}

static void blocked_callback_holds_up_its_own_queue_only(void) {
  watch(__func__);
  gate_t gate = {.passed = 0};
  sem_init(&gate.entered, 0, 0);
  sem_init(&gate.open, 0, 0);
  blobferry_service_t *service = new_service();
  blobferry_store_t   *store = open_store(service, "memory://cq");
  blobferry_cq_t      *blocked = new_callback_cq(service, 4, hold_up, &gate);
  blobferry_cq_t      *free_to_go = new_cq(service, 4, BLOBFERRY_WAKE_NONE);
  collector_t          collector = {.thread = 0};
  sem_init(&collector.arrived, 0, 0);
  blobferry_cq_t *other = new_callback_cq(service, 4, collect, &collector);
  for (uint64_t i = 0; i < 4; i++) must_ping(store, blocked, i);
  sem_await(&gate.entered);
  for (uint64_t i = 0; i < 1000; i++) {
    must_ping(store, free_to_go, i);
    expect(free_to_go, BLOBFERRY_E_NOT_FOUND, i);
    must_ping(store, other, i);
    sem_await(&collector.arrived);
  }
  CHECK_INT(atomic_load(&gate.passed), 0);
  for (int i = 0; i < 4; i++) sem_post(&gate.open);
  blobferry_cq_free(blocked);
  CHECK_INT(atomic_load(&gate.passed), 4);
  blobferry_cq_free(other);
  blobferry_cq_free(free_to_go);
  blobferry_store_free(store);
  blobferry_service_free(service);
  sem_destroy(&gate.entered);
  sem_destroy(&gate.open);
  sem_destroy(&collector.arrived);
}

/* -- frees inside a callback ----------------------------------------------------------------------------- */

typedef struct owner {
  blobferry_service_t *service;
  blobferry_cq_t      *cq, *other;
  blobferry_store_t   *store;
  atomic_int           calls, given;
  sem_t                freed;
} owner_t;

/* In its first call frees whatever the owner has. */
static void free_all(void *argument, const blobferry_completion_t *completions, size_t count) {
  owner_t *owner = argument;
  for (size_t i = 0; i < count; i++) {
    blobferry_completion_t completion = completions[i];
    dispose(&completion);
  }
  atomic_fetch_add(&owner->given, (int)count);
  beat();
  if (atomic_fetch_add(&owner->calls, 1) != 0) return;
  blobferry_store_free(owner->store);
  blobferry_service_free(owner->service);
  blobferry_cq_free(owner->cq);
  blobferry_cq_free(owner->other);
  sem_post(&owner->freed);
}

static void queue_freed_inside_its_callback_gives_the_rest(void) {
  watch(__func__);
  for (long round = rounds(200); round > 0; round--) {
    blobferry_service_t *service = new_service_with(64, 0);
    blobferry_store_t   *store = open_store(service, "fault://cq");
    owner_t              owner = {.calls = 0};
    guarded_t            buffers[8];
    sem_init(&owner.freed, 0, 0);
    owner.cq = new_callback_cq(service, 64, free_all, &owner);
    for (uint64_t i = 0; i < 8; i++) {
      buffers[i] = guarded_new(4096);
      must_get(store, owner.cq, "never", buffers[i].data, buffers[i].size, i);
    }
    must_ping(store, owner.cq, 8);
    sem_await(&owner.freed);
    /* The rest is done after the callback has returned: all nine come, and the credits go back. */
    AWAIT(atomic_load(&owner.given) >= 9);
    AWAIT(usage_of(service).credits_reserved == 0);
    for (int i = 0; i < 8; i++) {
      guarded_lock(&buffers[i]);
      guarded_free(&buffers[i]);
    }
    blobferry_store_free(store);
    blobferry_service_free(service);
    CHECK_INT(atomic_load(&owner.given), 9);
    sem_destroy(&owner.freed);
  }
}

/* The last free of everything, on a thread that is itself to be ended: somebody else must end it. */
static void last_free_of_the_service_inside_a_callback(void) {
  watch(__func__);
  for (long round = rounds(200); round > 0; round--) {
    owner_t owner = {.calls = 0};
    sem_init(&owner.freed, 0, 0);
    owner.service = new_service_with(64, 0);
    owner.store = open_store(owner.service, "fault://cq");
    owner.other = new_cq(owner.service, 8, BLOBFERRY_WAKE_NONE);
    owner.cq = new_callback_cq(owner.service, 8, free_all, &owner);
    for (uint64_t i = 0; i < 4; i++) must_get(owner.store, owner.other, "never", NULL, 0, i);
    must_ping(owner.store, owner.cq, 0);
    sem_await(&owner.freed);
    await_nothing_lives();
    CHECK_INT(atomic_load(&owner.given), 1);
    sem_destroy(&owner.freed);
  }
}

/* The service goes inside the callback of a queue that stays: the queue still comes to its end. */
static void service_freed_inside_a_callback_before_its_queues(void) {
  watch(__func__);
  for (long round = rounds(200); round > 0; round--) {
    owner_t owner = {.calls = 0};
    sem_init(&owner.freed, 0, 0);
    owner.service = new_service_with(64, 0);
    blobferry_store_t *store = open_store(owner.service, "fault://cq");
    blobferry_cq_t    *calls = new_callback_cq(owner.service, 8, free_all, &owner);
    blobferry_cq_t    *waits = new_cq(owner.service, 8, BLOBFERRY_WAKE_NONE);
    for (uint64_t i = 0; i < 3; i++) must_get(store, waits, "never", NULL, 0, i);
    for (uint64_t i = 0; i < 3; i++) must_get(store, calls, "never", NULL, 0, i);
    must_ping(store, calls, 3);
    sem_await(&owner.freed);
    CHECK_INT(drain_to_the_end(waits, BLOBFERRY_E_CANCELLED), 3);
    blobferry_cq_free(calls);
    CHECK_INT(atomic_load(&owner.given), 4);
    blobferry_cq_free(waits);
    blobferry_store_free(store);
    await_nothing_lives();
    sem_destroy(&owner.freed);
  }
}

TESTS(TEST(callback_gets_each_once_oldest_first), TEST(nobody_else_drains_a_callback_queue),
      TEST(a_wake_must_be_complete), TEST(callback_may_submit), TEST(blocked_callback_holds_up_its_own_queue_only),
      TEST(queue_freed_inside_its_callback_gives_the_rest), TEST(last_free_of_the_service_inside_a_callback),
      TEST(service_freed_inside_a_callback_before_its_queues))
