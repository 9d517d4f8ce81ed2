/*
 * The life of a list: before its first page, while one is under way, after one
 * that failed, after its store and its service. What a list gives is in the
 * behaviour list (listing.list). The store fault:// has a key that never ends:
 * where only one request may run, it keeps a page waiting for as long as a test
 * needs.
 */
#include "verbs.h"

_Static_assert(sizeof(blobferry_entry_t) == 64, "an entry has 64 bytes for ever");

/* A fixture in which the first page cannot begin before `release_page`. */
typedef struct held {
  fixture_t          fixture;
  blobferry_store_t *fault;
  blobferry_cq_t    *cq; /* the blocker's own: between two requests of one queue there is no order */
  blobferry_ticket_t blocker;
} held_t;

static blobferry_list_t *list_with(const fixture_t *fixture, uint32_t page_size) {
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;
  blobferry_list_t        *list = NULL;
  blobferry_error_t       *error = NULL;
  options.page_size = page_size;
  blobferry_status_t status = blobferry_list_new(fixture->store, NULL, &options, &list, &error);
  must(status, error, "blobferry_list_new");
  return list;
}

static void put_numbered(const fixture_t *fixture, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char key[32];
    snprintf(key, sizeof key, "%06zu", i);
    must_put(fixture, key, i % 100, i);
  }
}

static held_t new_held(void) {
  held_t held;
  memset(&held, 0, sizeof held);
  held.fixture.service = new_service_with(0, 1);
  held.fixture.cq = new_cq(held.fixture.service, 16, BLOBFERRY_WAKE_NONE);
  held.fixture.store = open_store(held.fixture.service, "memory://test");
  held.fault = open_store(held.fixture.service, "fault://test");
  held.cq = new_cq(held.fixture.service, 1, BLOBFERRY_WAKE_NONE);
  put_numbered(&held.fixture, 5);
  return held;
}

/* From now on no other request of the service begins. */
static void hold_pages(held_t *held) {
  request_t request = {VERB_HEAD, "never", NULL, 0, NULL, 0, 777};
  held->blocker = must_submit(&request, held->fault, held->cq);
  await_in_flight(held->fixture.service, 1);
}

static void release_pages(held_t *held) {
  must_cancel(held->cq, held->blocker);
  expect(held->cq, BLOBFERRY_E_CANCELLED, 777);
}

static void held_free(held_t *held) {
  blobferry_store_free(held->fault);
  blobferry_cq_free(held->cq);
  fixture_free(&held->fixture);
}

static void check_no_entries(const blobferry_list_t *list) {
  size_t count = 99;
  CHECK(blobferry_list_entries(list, &count) == NULL);
  CHECK_INT(count, 0);
  CHECK(blobferry_list_entries(list, NULL) == NULL);
}

/* The page must hold `count` entries that begin with number `first`. */
static void check_page(const blobferry_list_t *list, blobferry_completion_t completion, size_t first, size_t count,
                       bool last) {
  size_t                   found = 99;
  const blobferry_entry_t *entries = blobferry_list_entries(list, &found);
  CHECK_STATUS(completion.status, BLOBFERRY_OK);
  CHECK_INT(completion.result, count);
  CHECK_INT(found, count);
  CHECK_INT(is_last_page(&completion), last);
  CHECK(completion.details == NULL);
  CHECK((entries == NULL) == (found == 0));
  CHECK(blobferry_list_entries(list, NULL) == entries);
  for (size_t i = 0; i < found && i < count; i++) {
    char key[32];
    snprintf(key, sizeof key, "%06zu", first + i);
    CHECK_TEXT(entries[i].key, key);
    CHECK_INT(entries[i].size, (first + i) % 100);
  }
  dispose(&completion);
}

static void before_the_first_page_there_are_no_entries(void) {
  fixture_t fixture = in_memory();
  put_numbered(&fixture, 3);
  blobferry_list_t *list = list_with(&fixture, 0);
  check_no_entries(list);
  check_no_entries(NULL);
  check_page(list, next(&fixture, list), 0, 3, true);
  blobferry_list_free(list);
  blobferry_list_free(list_with(&fixture, 0));
  fixture_free(&fixture);
}

static void after_the_last_page_come_empty_last_pages(void) {
  fixture_t fixture = in_memory();
  put_numbered(&fixture, 3);
  blobferry_list_t *list = list_with(&fixture, 100);
  check_page(list, next(&fixture, list), 0, 3, true);
  must_put(&fixture, "999999", 1, 1); /* too late for this list */
  for (int i = 0; i < 3; i++) check_page(list, next(&fixture, list), 0, 0, true);
  blobferry_list_free(list);
  fixture_free(&fixture);
}

static void an_empty_store_has_one_empty_last_page(void) {
  fixture_t fixtures[] = {in_memory(), in_folder()};
  for (int i = 0; i < 2; i++) {
    blobferry_list_t *list = list_with(&fixtures[i], 0);
    check_page(list, next(&fixtures[i], list), 0, 0, true);
    blobferry_list_free(list);
    fixture_free(&fixtures[i]);
  }
}

static void page_sizes_have_bounds(void) {
  fixture_t                fixture = in_memory();
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;
  put_numbered(&fixture, 1500);
  blobferry_list_t *list = list_with(&fixture, 0);
  check_page(list, next(&fixture, list), 0, 1000, false);
  check_page(list, next(&fixture, list), 1000, 500, true);
  blobferry_list_free(list);
  list = list_with(&fixture, 10000);
  check_page(list, next(&fixture, list), 0, 1500, true);
  blobferry_list_free(list);
  list = list_with(&fixture, 1);
  for (size_t i = 0; i < 10; i++) check_page(list, next(&fixture, list), i, 1, false);
  blobferry_list_free(list);
  const uint32_t bad[] = {10001, UINT32_MAX};
  for (int i = 0; i < 2; i++) {
    blobferry_error_t *error = NULL;
    blobferry_list_t  *none = NULL;
    options.page_size = bad[i];
    CHECK_STATUS(blobferry_list_new(fixture.store, NULL, &options, &none, &error), BLOBFERRY_E_ARGUMENT);
    CHECK(none == NULL);
    check_error(error, BLOBFERRY_E_ARGUMENT, "10000");
  }
  fixture_free(&fixture);
}

static void two_pages_at_once_are_refused(void) {
  held_t             held = new_held();
  blobferry_list_t  *list = list_with(&held.fixture, 2);
  blobferry_error_t *error = NULL;
  blobferry_ticket_t ticket = 4711;
  check_page(list, next(&held.fixture, list), 0, 2, false);
  hold_pages(&held);
  must(blobferry_list_next(list, held.fixture.cq, NULL, 1, NULL, NULL), NULL, "blobferry_list_next");
  for (int i = 0; i < 3; i++) {
    CHECK_STATUS(blobferry_list_next(list, held.fixture.cq, NULL, 2, &ticket, &error), BLOBFERRY_E_ARGUMENT);
    check_error(error, BLOBFERRY_E_ARGUMENT, "page");
    CHECK_INT(ticket, 4711);
  }
  check_no_entries(list); /* those of the page before are gone, those of this one are not there */
  release_pages(&held);
  check_page(list, wait_one(held.fixture.cq), 2, 2, false);
  check_page(list, next(&held.fixture, list), 4, 1, true);
  blobferry_list_free(list);
  held_free(&held);
}

static void a_cancelled_page_is_repeated(void) {
  held_t             held = new_held();
  blobferry_list_t  *list = list_with(&held.fixture, 2);
  blobferry_ticket_t ticket = 0;
  for (size_t first = 0; first < 5; first += 2) {
    for (int i = 0; i < 2; i++) {
      hold_pages(&held);
      must(blobferry_list_next(list, held.fixture.cq, NULL, 1, &ticket, NULL), NULL, "blobferry_list_next");
      must_cancel(held.fixture.cq, ticket);
      expect(held.fixture.cq, BLOBFERRY_E_CANCELLED, 1);
      check_no_entries(list);
      release_pages(&held);
    }
    check_page(list, next(&held.fixture, list), first, first == 4 ? 1 : 2, first == 4);
  }
  blobferry_list_free(list);
  held_free(&held);
}

/* Wherever on its way the page is when it is cancelled, none of the keys is lost or told twice. */
static void a_page_cancelled_anywhere_is_repeated(void) {
  fixture_t fixtures[] = {in_memory(), in_folder()};
  uint64_t  dice = test_seed();
  for (int i = 0; i < 2; i++) {
    put_numbered(&fixtures[i], 100);
    for (long round = rounds(200); round > 0; round--) {
      blobferry_list_t *list = list_with(&fixtures[i], 7);
      size_t            first = 0;
      for (int pages = 0; pages < 100 && first < 100; pages++) {
        blobferry_ticket_t ticket = 0;
        size_t             count = first + 7 > 100 ? 100 - first : 7;
        must(blobferry_list_next(list, fixtures[i].cq, NULL, 0, &ticket, NULL), NULL, "blobferry_list_next");
        if (pages < 60) {
          spin(roll(&dice, 20000));
          must_cancel(fixtures[i].cq, ticket);
        }
        blobferry_completion_t completion = wait_one(fixtures[i].cq);
        if (completion.status == BLOBFERRY_OK) {
          check_page(list, completion, first, count, first + count == 100);
          first += count;
        } else {
          check_outcome(completion, BLOBFERRY_E_CANCELLED, "");
          check_no_entries(list);
        }
      }
      CHECK_INT(first, 100);
      blobferry_list_free(list);
    }
    fixture_free(&fixtures[i]);
  }
}

static void a_late_page_is_repeated(void) {
  held_t                   held = new_held();
  blobferry_list_t        *list = list_with(&held.fixture, 3);
  blobferry_next_options_t options = BLOBFERRY_NEXT_OPTIONS_INIT;
  options.timeout_ms = 20;
  hold_pages(&held);
  must(blobferry_list_next(list, held.fixture.cq, &options, 1, NULL, NULL), NULL, "blobferry_list_next");
  expect(held.fixture.cq, BLOBFERRY_E_DEADLINE, 1);
  check_no_entries(list);
  release_pages(&held);
  check_page(list, next(&held.fixture, list), 0, 3, false);
  check_page(list, next(&held.fixture, list), 3, 2, true);
  blobferry_list_free(list);
  held_free(&held);
}

static void a_page_of_a_closed_queue_is_repeated_on_another(void) {
  held_t            held = new_held();
  blobferry_list_t *list = list_with(&held.fixture, 3);
  blobferry_cq_t   *other = new_cq(held.fixture.service, 4, BLOBFERRY_WAKE_NONE);
  hold_pages(&held);
  must(blobferry_list_next(list, other, NULL, 1, NULL, NULL), NULL, "blobferry_list_next");
  CHECK_STATUS(blobferry_cq_close(other, NULL), BLOBFERRY_OK);
  expect(other, BLOBFERRY_E_CANCELLED, 1);
  blobferry_error_t *error = NULL;
  CHECK_STATUS(blobferry_list_next(list, other, NULL, 1, NULL, &error), BLOBFERRY_E_CLOSED);
  check_error(error, BLOBFERRY_E_CLOSED, "");
  blobferry_cq_free(other);
  release_pages(&held);
  check_page(list, next(&held.fixture, list), 0, 3, false);
  blobferry_list_free(list);
  held_free(&held);
}

/* A submit call that is refused must not count as a page under way. */
static void a_refused_page_leaves_the_list_as_it_was(void) {
  held_t            held = new_held();
  blobferry_list_t *list = list_with(&held.fixture, 3);
  blobferry_cq_t   *narrow = new_cq(held.fixture.service, 1, BLOBFERRY_WAKE_NONE);
  hold_pages(&held);
  must_ping(held.fixture.store, narrow, 5);
  CHECK_STATUS(blobferry_list_next(list, narrow, NULL, 1, NULL, NULL), BLOBFERRY_E_BUSY);
  CHECK_STATUS(blobferry_list_next(list, narrow, NULL, 1, NULL, NULL), BLOBFERRY_E_BUSY);
  release_pages(&held);
  blobferry_completion_t completion = wait_one(narrow);
  check_ping(&completion, 5);
  check_page(list, next(&held.fixture, list), 0, 3, false);
  blobferry_list_free(list);
  blobferry_cq_free(narrow);
  held_free(&held);
}

static void a_page_that_panics_is_one_that_failed(void) {
  fixture_t               fixture = with_url("fault://test", NULL, 0);
  blobferry_list_t       *list = new_list(fixture.store, "panic-in-list");
  for (int i = 0; i < 2; i++) {
    check_outcome(next(&fixture, list), BLOBFERRY_E_PANIC, "");
    check_no_entries(list);
  }
  blobferry_list_free(list);
  must_put(&fixture, "a", 10, 1);
  check_keys(&fixture, "", NULL, "a\n");
  fixture_free(&fixture);
}

static void a_list_freed_with_a_page_under_way_still_completes(void) {
  held_t            held = new_held();
  blobferry_list_t *list = list_with(&held.fixture, 2);
  hold_pages(&held);
  must(blobferry_list_next(list, held.fixture.cq, NULL, 1, NULL, NULL), NULL, "blobferry_list_next");
  blobferry_list_free(list);
  release_pages(&held);
  blobferry_completion_t completion = wait_one(held.fixture.cq);
  CHECK_INT(completion.user_data, 1);
  CHECK_INT(completion.result, 2);
  check_outcome(completion, BLOBFERRY_OK, "");
  held_free(&held);
}

static void lists_are_freed_at_any_moment(void) {
  fixture_t fixtures[] = {in_memory(), in_folder()};
  uint64_t  dice = test_seed();
  for (int i = 0; i < 2; i++) {
    put_numbered(&fixtures[i], 50);
    for (long round = rounds(2000); round > 0; round--) {
      blobferry_list_t *list = list_with(&fixtures[i], 20);
      must(blobferry_list_next(list, fixtures[i].cq, NULL, 3, NULL, NULL), NULL, "blobferry_list_next");
      spin(roll(&dice, 20000));
      blobferry_list_free(list);
      expect(fixtures[i].cq, BLOBFERRY_OK, 3);
    }
    fixture_free(&fixtures[i]);
  }
}

static void a_list_outlives_its_store(void) {
  fixture_t         fixture = in_memory();
  blobferry_list_t *list = list_with(&fixture, 2);
  put_numbered(&fixture, 3);
  blobferry_store_free(fixture.store);
  fixture.store = NULL;
  check_page(list, next(&fixture, list), 0, 2, false);
  check_page(list, next(&fixture, list), 2, 1, true);
  blobferry_list_free(list);
  fixture_free(&fixture);
}

static void a_list_and_its_entries_outlive_the_service(void) {
  fixture_t              fixture = in_memory();
  blobferry_list_t      *list = list_with(&fixture, 2);
  blobferry_completion_t completion;
  blobferry_error_t     *error = NULL;
  put_numbered(&fixture, 3);
  completion = next(&fixture, list);
  blobferry_store_free(fixture.store);
  blobferry_service_free(fixture.service);
  check_page(list, completion, 0, 2, false);
  CHECK_STATUS(blobferry_list_next(list, fixture.cq, NULL, 0, NULL, &error), BLOBFERRY_E_CLOSED);
  check_error(error, BLOBFERRY_E_CLOSED, "");
  blobferry_cq_free(fixture.cq);
  blobferry_list_free(list);
}

/* A list is no snapshot, but what stays is told exactly once. */
static void what_stays_is_listed_once_while_the_rest_changes(void) {
  fixture_t fixtures[] = {in_memory(), in_folder()};
  for (int i = 0; i < 2; i++) {
    put_numbered(&fixtures[i], 100);
    blobferry_list_t *list = list_with(&fixtures[i], 3);
    int               seen[100] = {0};
    bool              more = true;
    for (int page = 0; more; page++) {
      char key[32];
      blobferry_completion_t   completion = next(&fixtures[i], list);
      size_t                   count = 0;
      const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
      for (size_t at = 0; at < count; at++) {
        size_t number = strtoull(entries[at].key, NULL, 10);
        if (number < 100 && strlen(entries[at].key) == 6) seen[number]++;
      }
      more = completion.status == BLOBFERRY_OK && !is_last_page(&completion);
      check_outcome(completion, BLOBFERRY_OK, "");
      snprintf(key, sizeof key, "%06d", page * 7 % 100 | 1);
      check_outcome(delete(&fixtures[i], key), BLOBFERRY_OK, "");
      snprintf(key, sizeof key, "%06d-new", page * 11 % 100);
      must_put(&fixtures[i], key, 10, 1);
    }
    for (int number = 0; number < 100; number++) {
      if (number % 2 == 0) CHECK_INT(seen[number], 1); /* the even ones were never deleted */
      else CHECK(seen[number] <= 1);
    }
    blobferry_list_free(list);
    fixture_free(&fixtures[i]);
  }
}

/* Prefix, delimiter and start_after are borrowed only while the list is made. */
static void the_texts_of_a_list_are_copied(void) {
  fixture_t                fixture = in_memory();
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;
  blobferry_list_t        *list = NULL;
  guarded_t                memory = guarded_new(64);
  char                    *text = (char *)memory.data;
  must_put(&fixture, "a/b-1/x", 10, 1);
  must_put(&fixture, "a/b-2/y", 10, 1);
  must_put(&fixture, "a/c", 10, 1);
  strcpy(text, "a/b");
  strcpy(text + 10, "/");
  strcpy(text + 20, "a/b-1/y");
  options.delimiter = text + 10;
  options.start_after = text + 20;
  must(blobferry_list_new(fixture.store, text, &options, &list, NULL), NULL, "blobferry_list_new");
  guarded_lock(&memory);
  blobferry_completion_t   completion = next(&fixture, list);
  size_t                   count = 0;
  const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
  CHECK_INT(count, 1);
  if (count == 1) CHECK_TEXT(entries[0].key, "a/b-2/");
  check_outcome(completion, BLOBFERRY_OK, "");
  blobferry_list_free(list);
  guarded_free(&memory);
  fixture_free(&fixture);
}

TESTS(TEST(before_the_first_page_there_are_no_entries), TEST(after_the_last_page_come_empty_last_pages),
      TEST(an_empty_store_has_one_empty_last_page), TEST(page_sizes_have_bounds), TEST(two_pages_at_once_are_refused),
      TEST(a_cancelled_page_is_repeated), TEST(a_page_cancelled_anywhere_is_repeated), TEST(a_late_page_is_repeated),
      TEST(a_page_of_a_closed_queue_is_repeated_on_another), TEST(a_refused_page_leaves_the_list_as_it_was),
      TEST(a_page_that_panics_is_one_that_failed), TEST(a_list_freed_with_a_page_under_way_still_completes),
      TEST(lists_are_freed_at_any_moment), TEST(a_list_outlives_its_store),
      TEST(a_list_and_its_entries_outlive_the_service), TEST(what_stays_is_listed_once_while_the_rest_changes),
      TEST(the_texts_of_a_list_are_copied))
