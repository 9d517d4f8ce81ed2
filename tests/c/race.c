/*
 * Submit, cancel, take, close and free in every order from many threads, by dice
 * whose seed is printed. The account of each queue is exact: requests accepted =
 * completions, each once, with the memory returned: it is freed at that moment, so
 * that under AddressSanitizer a late write of the library is a report.
 *
 * A queue ends in one of two ways: it is drained to its end, or freed with
 * completions in it, of which nobody learns (a callback gets them even then).
 */
#include "traffic.h"

enum { QUEUES = 3, THREADS = 4, RECORDS = 1024, OBJECT_SEED = 42, LARGEST = 20000 };

typedef enum state { STATE_UNUSED, STATE_LENT, STATE_RETURNED } state_t;

/* One request of one queue, found by its user_data. */
typedef struct record {
  _Atomic(blobferry_ticket_t) ticket; /* 0 until the submit call has returned */
  atomic_int                  state;
  const char                 *key;
  verb_t                      verb;
  uint8_t                    *memory;
  size_t                      size;
} record_t;

/* One queue from its making to its free, and the account of it. */
typedef struct ledger {
  blobferry_cq_t *cq;
  uint32_t        wake;
  atomic_int      used;
  atomic_long     accepted, busy, closed, completed, wakes;
  record_t        records[RECORDS];
} ledger_t;

/* Where a queue can be found; whoever ends it holds the lock alone. */
typedef struct slot {
  pthread_rwlock_t lock;
  ledger_t        *ledger; /* NULL: ended, and the service is gone */
} slot_t;

typedef struct arena {
  pthread_rwlock_t     service_lock; /* alone: while the service is being freed */
  blobferry_service_t *service;
  blobferry_store_t   *store;
  slot_t               slots[QUEUES];
  atomic_long          accepted, completed, ended, disposed;
} arena_t;

static atomic_long outcomes[128]; /* by -status */

/* -- one completion ----------------------------------------------------------------------------------- */

static bool is_possible(const record_t *record, blobferry_status_t status) {
  if (strncmp(record->key, "panic", 5) == 0 && status == BLOBFERRY_E_PANIC) return true;
  switch (status) {
    case BLOBFERRY_OK:
    case BLOBFERRY_E_NOT_FOUND:
    case BLOBFERRY_E_CANCELLED:
    case BLOBFERRY_E_DEADLINE: return true;
    case BLOBFERRY_E_TOO_SMALL: return record->verb == VERB_GET;
    default: return false;
  }
}

static void settle_record(ledger_t *ledger, const blobferry_completion_t *given) {
  blobferry_completion_t completion = *given;
  if (completion.user_data >= RECORDS) {
    FAIL("a completion with user_data of nobody");
    return;
  }
  record_t *record = &ledger->records[completion.user_data];
  int       lent = STATE_LENT;
  if (!atomic_compare_exchange_strong(&record->state, &lent, STATE_RETURNED))
    FAIL("a completion of a request that is not running: state %d", lent);
  if (!is_possible(record, completion.status))
    FAIL("%s of %s ended with %s: %s", verb_names[record->verb], record->key, blobferry_status_name(completion.status),
         blobferry_error_message(completion.error));
  if (record->verb == VERB_GET && completion.status == BLOBFERRY_OK && strncmp(record->key, "object", 6) == 0)
    CHECK(pattern_is(record->memory, completion.result, OBJECT_SEED, 0));
  if (completion.status <= 0 && completion.status > -128) atomic_fetch_add(&outcomes[-completion.status], 1);
  free(record->memory);
  record->memory = NULL;
  dispose(&completion);
  atomic_fetch_add(&ledger->completed, 1);
  beat();
}

static void settle_batch(void *argument, const blobferry_completion_t *completions, size_t count) {
  for (size_t i = 0; i < count; i++) settle_record(argument, &completions[i]);
}

static int note_wake(void *argument) {
  atomic_fetch_add(&((ledger_t *)argument)->wakes, 1);
  return 0;
}

/* -- the life of a queue ------------------------------------------------------------------------------ */

static ledger_t *open_ledger(arena_t *arena, uint64_t *dice) {
  ledger_t *ledger = calloc(1, sizeof *ledger);
  uint32_t  capacity = 1 + (uint32_t)roll(dice, roll(dice, 2) == 0 ? 4 : 60);
  ledger->wake = (uint32_t)roll(dice, 4);
  if (ledger->wake == BLOBFERRY_WAKE_FN) ledger->cq = new_fn_cq(arena->service, capacity, note_wake, ledger);
  else if (ledger->wake == BLOBFERRY_WAKE_CALLBACK)
    ledger->cq = new_callback_cq(arena->service, capacity, settle_batch, ledger);
  else ledger->cq = new_cq(arena->service, capacity, ledger->wake);
  return ledger;
}

static void drain_ledger(ledger_t *ledger) {
  blobferry_completion_t completions[8];
  size_t                 count = 0;
  CHECK_STATUS(blobferry_cq_close(ledger->cq, NULL), BLOBFERRY_OK);
  for (;;) {
    blobferry_status_t status = blobferry_cq_wait(ledger->cq, completions, 8, 60000, &count, NULL);
    if (status != BLOBFERRY_OK) {
      CHECK_STATUS(status, BLOBFERRY_E_CLOSED);
      break;
    }
    if (count == 0) {
      FAIL("neither a completion nor the end within a minute: %ld accepted, %ld completed",
           atomic_load(&ledger->accepted), atomic_load(&ledger->completed));
      break;
    }
    settle_batch(ledger, completions, count);
  }
  await_drained(ledger->cq);
}

/* Nobody else may use the ledger any more. */
static void end_ledger(arena_t *arena, ledger_t *ledger, bool abandon) {
  if (ledger == NULL) return;
  bool exact = ledger->wake == BLOBFERRY_WAKE_CALLBACK || !abandon;
  if (ledger->wake != BLOBFERRY_WAKE_CALLBACK && !abandon) drain_ledger(ledger);
  blobferry_cq_free(ledger->cq);
  long accepted = atomic_load(&ledger->accepted), completed = atomic_load(&ledger->completed);
  if (exact) CHECK_INT(completed, accepted);
  else CHECK(completed <= accepted);
  long running = 0;
  for (int i = 0; i < RECORDS; i++) {
    record_t *record = &ledger->records[i];
    if (atomic_load(&record->state) != STATE_LENT) continue;
    running++;
    free(record->memory); /* returned by blobferry_cq_free */
  }
  CHECK_INT(running, accepted - completed);
  atomic_fetch_add(&arena->accepted, accepted);
  atomic_fetch_add(&arena->completed, completed);
  atomic_fetch_add(&arena->disposed, running);
  atomic_fetch_add(&arena->ended, 1);
  free(ledger);
}

/* -- what a thread does ------------------------------------------------------------------------------- */

typedef struct choice {
  verb_t      verb;
  const char *key;
  int         weight;
} choice_t;

static const choice_t choices[] = {
    {VERB_GET, "object-1", 30},   {VERB_GET, "object-2", 10},      {VERB_PUT, "object-1", 15},
    {VERB_PUT, "object-2", 10},   {VERB_HEAD, "object-1", 10},     {VERB_DELETE, "object-2", 10},
    {VERB_LIST, "object", 10},    {VERB_GET, "never", 40},         {VERB_PUT, "never", 20},
    {VERB_HEAD, "never", 5},      {VERB_DELETE, "never", 5},       {VERB_GET, "hold-2", 3},
    {VERB_PUT, "hold-3", 3},      {VERB_GET, "panic-in-poll", 1},  {VERB_PUT, "panic-in-drop", 1},
    {VERB_GET, "object-1", 30},
};

static const choice_t *choose(uint64_t *dice) {
  int total = 0;
  for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) total += choices[i].weight;
  int point = (int)roll(dice, (uint64_t)total);
  for (size_t i = 0;; i++)
    if ((point -= choices[i].weight) < 0) return &choices[i];
}

static void do_submit(arena_t *arena, ledger_t *ledger, uint64_t *dice) {
  int number = atomic_fetch_add(&ledger->used, 1);
  if (number >= RECORDS) return; /* worn out: only taken from and cancelled until it is replaced */
  const choice_t    *choice = choose(dice);
  record_t          *record = &ledger->records[number];
  blobferry_list_t  *list = choice->verb == VERB_LIST ? new_list(arena->store, choice->key) : NULL;
  blobferry_ticket_t ticket = 0;
  record->verb = choice->verb;
  record->key = choice->key;
  record->size = roll(dice, LARGEST);
  record->memory = malloc(record->size + 1);
  pattern_fill(record->memory, record->size, OBJECT_SEED);
  atomic_store(&record->state, STATE_LENT);
  request_t request = {choice->verb, choice->key, record->memory, record->size, list,
                       roll(dice, 4) == 0 ? 1 + roll(dice, 5) : 0, (uint64_t)number};
  blobferry_status_t status = submit(&request, arena->store, ledger->cq, &ticket, NULL);
  if (status == BLOBFERRY_OK) {
    atomic_fetch_add(&ledger->accepted, 1);
    atomic_store(&record->ticket, ticket);
  } else {
    if (status == BLOBFERRY_E_BUSY) atomic_fetch_add(&ledger->busy, 1);
    else if (status == BLOBFERRY_E_CLOSED) atomic_fetch_add(&ledger->closed, 1);
    else FAIL("%s of %s refused with %s", verb_names[choice->verb], choice->key, blobferry_status_name(status));
    CHECK_INT(atomic_exchange(&record->state, STATE_UNUSED), STATE_LENT);
    free(record->memory);
  }
  blobferry_list_free(list); /* with its page under way: the request holds its own reference */
}

static void do_cancel(ledger_t *ledger, uint64_t *dice) {
  int used = atomic_load(&ledger->used);
  if (used > RECORDS) used = RECORDS;
  for (int times = 0; times < 4 && used > 0; times++) {
    /* Mostly the latest, which may be anywhere on their way; else any, most of them stale. */
    int back = (int)roll(dice, roll(dice, 2) == 0 ? (uint64_t)used : (uint64_t)(used < 8 ? used : 8));
    must_cancel(ledger->cq, atomic_load(&ledger->records[used - 1 - back].ticket));
  }
}

static void do_take(ledger_t *ledger, uint64_t *dice) {
  blobferry_completion_t completions[8];
  size_t                 count = 0, capacity = 1 + roll(dice, 8);
  if (ledger->wake == BLOBFERRY_WAKE_CALLBACK) return;
  blobferry_status_t status =
      roll(dice, 2) == 0 ? blobferry_cq_drain(ledger->cq, completions, capacity, &count, NULL)
                         : blobferry_cq_wait(ledger->cq, completions, capacity, (int64_t)roll(dice, 3), &count, NULL);
  if (status == BLOBFERRY_OK) settle_batch(ledger, completions, count);
  else CHECK_STATUS(status, BLOBFERRY_E_CLOSED);
}

static void do_arm(ledger_t *ledger) {
  int armed = -1;
  if (ledger->wake != BLOBFERRY_WAKE_FD && ledger->wake != BLOBFERRY_WAKE_FN) return;
  CHECK_STATUS(blobferry_cq_arm(ledger->cq, &armed, NULL), BLOBFERRY_OK);
  CHECK(armed == 0 || armed == 1);
}

/* Ends the queue of a slot, with whatever runs in it, and makes another while the service lives. */
static void do_replace(arena_t *arena, slot_t *slot, uint64_t *dice) {
  pthread_rwlock_wrlock(&slot->lock);
  end_ledger(arena, slot->ledger, roll(dice, 2) == 0);
  slot->ledger = NULL;
  pthread_rwlock_rdlock(&arena->service_lock);
  if (arena->service != NULL) slot->ledger = open_ledger(arena, dice);
  pthread_rwlock_unlock(&arena->service_lock);
  pthread_rwlock_unlock(&slot->lock);
}

typedef struct worker {
  arena_t *arena;
  uint64_t dice;
  long     steps;
} worker_t;

static void do_something(arena_t *arena, slot_t *slot, uint64_t *dice) {
  pthread_rwlock_rdlock(&slot->lock);
  ledger_t *ledger = slot->ledger;
  if (ledger != NULL) {
    uint64_t what = roll(dice, 1000);
    if (what < 500) do_submit(arena, ledger, dice);
    else if (what < 650) do_cancel(ledger, dice);
    else if (what < 900) do_take(ledger, dice);
    else if (what < 990) do_arm(ledger);
    else if (what < 992) CHECK_STATUS(blobferry_cq_close(ledger->cq, NULL), BLOBFERRY_OK);
    else blobferry_cq_is_drained(ledger->cq);
  }
  pthread_rwlock_unlock(&slot->lock);
}

static void *work(void *argument) {
  worker_t *worker = argument;
  for (long step = 0; step < worker->steps; step++) {
    slot_t *slot = &worker->arena->slots[roll(&worker->dice, QUEUES)];
    if (roll(&worker->dice, 400) == 0) do_replace(worker->arena, slot, &worker->dice);
    else do_something(worker->arena, slot, &worker->dice);
  }
  return NULL;
}

/* -- the whole ------------------------------------------------------------------------------------------ */

static void init_lock(pthread_rwlock_t *lock) {
  pthread_rwlockattr_t attributes;
  pthread_rwlockattr_init(&attributes);
  /* Else whoever wants to end a queue would wait until nobody uses it by chance. */
  pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  pthread_rwlock_init(lock, &attributes);
  pthread_rwlockattr_destroy(&attributes);
}

static void free_the_service(arena_t *arena) {
  pthread_rwlock_wrlock(&arena->service_lock);
  blobferry_service_free(arena->service);
  arena->service = NULL;
  pthread_rwlock_unlock(&arena->service_lock);
}

static void set_up_arena(arena_t *arena, uint64_t *dice) {
  blobferry_service_options_t options = BLOBFERRY_SERVICE_OPTIONS_INIT;
  blobferry_error_t          *error = NULL;
  options.io_threads = 1 + (uint32_t)roll(dice, 3);
  options.pool_threads = 2;
  options.max_credits = QUEUES * 60;
  options.max_requests_in_flight = 1 + (uint32_t)roll(dice, 20);
  memset(arena, 0, sizeof *arena);
  must(blobferry_service_new(&options, &arena->service, &error), error, "blobferry_service_new");
  arena->store = open_store(arena->service, "fault://race");
  init_lock(&arena->service_lock);
  for (int i = 0; i < QUEUES; i++) {
    init_lock(&arena->slots[i].lock);
    arena->slots[i].ledger = open_ledger(arena, dice);
  }
}

/* What is left goes in an order by dice: service, queues and store, each before or after the others. */
static void take_down_arena(arena_t *arena, uint64_t *dice) {
  if (roll(dice, 2) == 0) free_the_service(arena);
  if (roll(dice, 2) == 0) {
    blobferry_store_free(arena->store);
    arena->store = NULL;
  }
  for (int i = 0; i < QUEUES; i++) {
    end_ledger(arena, arena->slots[i].ledger, roll(dice, 2) == 0);
    pthread_rwlock_destroy(&arena->slots[i].lock);
  }
  if (roll(dice, 2) == 0) free_the_service(arena);
  blobferry_store_free(arena->store);
  free_the_service(arena);
  pthread_rwlock_destroy(&arena->service_lock);
}

static void play_round(uint64_t *dice, long steps, bool free_the_service_meanwhile, arena_t *totals) {
  arena_t   arena;
  worker_t  workers[THREADS];
  pthread_t threads[THREADS];
  set_up_arena(&arena, dice);
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (worker_t){&arena, roll(dice, UINT64_MAX), steps};
    pthread_create(&threads[i], NULL, work, &workers[i]);
  }
  if (free_the_service_meanwhile) {
    sleep_us((long)roll(dice, 30000));
    free_the_service(&arena);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  take_down_arena(&arena, dice);
  check_nothing_lives();
  atomic_fetch_add(&totals->accepted, atomic_load(&arena.accepted));
  atomic_fetch_add(&totals->completed, atomic_load(&arena.completed));
  atomic_fetch_add(&totals->disposed, atomic_load(&arena.disposed));
  atomic_fetch_add(&totals->ended, atomic_load(&arena.ended));
}

static void play(const char *place, bool free_the_service_meanwhile) {
  watch(place);
  uint64_t dice = test_seed();
  arena_t  totals;
  memset(&totals, 0, sizeof totals);
  for (int i = 0; i < 128; i++) atomic_store(&outcomes[i], 0);
  for (long round = 0; round < rounds(60); round++) {
    play_round(&dice, 2000, free_the_service_meanwhile, &totals);
    if (atomic_load(&failures_in_test) != 0) break;
  }
  printf("  %ld queues: %ld accepted = %ld completed + %ld disposed of by free;", atomic_load(&totals.ended),
         atomic_load(&totals.accepted), atomic_load(&totals.completed), atomic_load(&totals.disposed));
  for (int i = 0; i < 128; i++)
    if (atomic_load(&outcomes[i]) != 0) printf(" %s %ld", blobferry_status_name(-i), atomic_load(&outcomes[i]));
  printf("\n");
  CHECK_INT(atomic_load(&totals.accepted), atomic_load(&totals.completed) + atomic_load(&totals.disposed));
  CHECK(atomic_load(&totals.completed) > 0);
  CHECK(atomic_load(&outcomes[-BLOBFERRY_E_CANCELLED]) > 0);
}

static void every_order_from_many_threads(void) {
  play(__func__, false);
}

static void every_order_while_the_service_is_freed(void) {
  play(__func__, true);
}

TESTS(TEST(every_order_from_many_threads), TEST(every_order_while_the_service_is_freed))
