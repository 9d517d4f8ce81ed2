/*
 * A put on file:// appears whole or not at all: to readers of the store and of the
 * folder, when it is cancelled, late or closed, and when the process is killed.
 * Whatever ends it early, the folder then holds nothing new.
 */
#include "folder.h"
#include "own_process.h"
#include "verbs.h"

#define SMALL 1000
#define TREE_BEFORE "old\n"

/* -- readers ------------------------------------------------------------------------------------------ */

static const size_t sizes[2] = {300000, 700001};

static bool is_one_of_two(const uint8_t *data, size_t size) {
  for (int i = 0; i < 2; i++)
    if (size == sizes[i] && pattern_is(data, size, (uint64_t)i, 0)) return true;
  return false;
}

typedef struct writer {
  const fixture_t *fixture;
  atomic_bool      done;
} writer_t;

/* Replaces the object by the other one, over and over, through a queue of its own. */
static void *replace(void *argument) {
  writer_t *writer = argument;
  fixture_t own = *writer->fixture;
  own.cq = new_cq(own.service, 4, BLOBFERRY_WAKE_NONE);
  for (long round = rounds(400); round > 0; round--) {
    must_put(&own, "a", sizes[round % 2], (uint64_t)(round % 2));
  }
  blobferry_cq_free(own.cq);
  atomic_store(&writer->done, true);
  return NULL;
}

static void look_through_the_store(const fixture_t *fixture, long *whole) {
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  options.part_size = 65536;
  got_t got = get_with(fixture, "a", sizes[1], &options);
  guarded_unlock(&got.memory);
  if (got.completion.status == BLOBFERRY_OK) {
    if (!is_one_of_two(got.memory.data, got.completion.result))
      FAIL("a get gave %llu bytes of neither object", (unsigned long long)got.completion.result);
    ++*whole;
  } else if (got.completion.status != BLOBFERRY_E_CHANGED) {
    FAIL("a get gave %s", blobferry_error_message(got.completion.error));
  }
  got_free(&got);
}

static void look_through_the_folder(const fixture_t *fixture) {
  size_t   size = 0;
  uint8_t *data = read_whole(path_in(fixture->folder, "a"), &size);
  if (data == NULL || !is_one_of_two(data, size)) FAIL("the file has %zu bytes of neither object", size);
  free(data);
  check_keys(fixture, "", NULL, "a\n");
}

static void readers_see_the_old_or_the_new(void) {
  fixture_t fixture = in_folder();
  writer_t  writer = {&fixture, false};
  pthread_t thread;
  long      whole = 0;
  must_put(&fixture, "a", sizes[0], 0);
  must_work(pthread_create(&thread, NULL, replace, &writer) == 0, "pthread_create");
  while (!atomic_load(&writer.done)) {
    look_through_the_store(&fixture, &whole);
    look_through_the_folder(&fixture);
  }
  pthread_join(thread, NULL);
  CHECK(whole > 0);
  check_tree(fixture.folder, "a\n");
  fixture_free(&fixture);
}

/* -- puts that end early --------------------------------------------------------------------------------- */

typedef enum ending { BY_CANCEL, BY_DEADLINE, BY_CLOSE, BY_FREE_OF_QUEUE, BY_FREE_OF_SERVICE, ENDINGS } ending_t;

/* Waits until some of the file is written; false where the put has ended before. */
static bool await_the_middle(const fixture_t *fixture) {
  blobferry_service_usage_t usage;
  do {
    if (open_file_size(getpid(), fixture->folder, "") > 0) return true;
    usage = usage_of(fixture->service);
  } while (usage.requests_running > 0);
  return false;
}

/* Ends the put; where the queue goes with it, that must wait for the put's memory. */
static blobferry_status_t end_it(fixture_t *fixture, blobferry_ticket_t ticket, ending_t ending) {
  blobferry_status_t status = BLOBFERRY_E_CANCELLED;
  if (ending == BY_CANCEL) must_cancel(fixture->cq, ticket);
  if (ending == BY_CLOSE) CHECK_STATUS(blobferry_cq_close(fixture->cq, NULL), BLOBFERRY_OK);
  if (ending == BY_FREE_OF_SERVICE) {
    blobferry_service_free(fixture->service);
    fixture->service = NULL;
  }
  if (ending == BY_FREE_OF_QUEUE) {
    blobferry_cq_free(fixture->cq);
    fixture->cq = NULL;
    return status;
  }
  blobferry_completion_t completion = wait_one(fixture->cq);
  status = completion.status;
  if (status != BLOBFERRY_OK) {
    CHECK_STATUS(status, ending == BY_DEADLINE ? BLOBFERRY_E_DEADLINE : BLOBFERRY_E_CANCELLED);
    CHECK_INT(completion.flags & BLOBFERRY_COMPLETION_MAYBE_COMMITTED, 0);
  }
  dispose(&completion);
  return status;
}

/* One put of `memory` that is ended on its way; true where it was. */
static bool put_and_end(guarded_t *memory, const char *key, ending_t ending) {
  fixture_t               fixture = in_folder();
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  blobferry_ticket_t      ticket = 0;
  must_put(&fixture, "old", SMALL, 1);
  options.timeout_ms = ending == BY_DEADLINE ? 5 : 0;
  must(blobferry_object_put(fixture.store, fixture.cq, key, memory->data, memory->size, &options, 0, &ticket, NULL),
       NULL, "blobferry_object_put");
  bool               met = await_the_middle(&fixture);
  blobferry_status_t status = end_it(&fixture, ticket, ending);
  guarded_lock(memory);
  /* A queue that was freed does not tell how the put ended: the folder must show one or the other. */
  struct stat what;
  if (ending == BY_FREE_OF_QUEUE && stat(path_in(fixture.folder, key), &what) == 0 && what.st_size != SMALL)
    status = BLOBFERRY_OK;
  if (status == BLOBFERRY_OK) {
    CHECK(stat(path_in(fixture.folder, key), &what) == 0 && (size_t)what.st_size == memory->size);
  } else {
    check_tree(fixture.folder, TREE_BEFORE);
    CHECK(file_is(fixture.folder, "old", SMALL, 1));
  }
  bool fresh = status == BLOBFERRY_OK && strcmp(key, "old") != 0;
  if (ending == BY_CANCEL || ending == BY_DEADLINE)
    check_keys(&fixture, "", NULL, fresh ? "fresh/new\nold\n" : "old\n");
  guarded_unlock(memory);
  fixture_free(&fixture);
  return met && status != BLOBFERRY_OK;
}

static void end_puts(ending_t ending) {
  guarded_t memory = guarded_new(big_size(128 * MIB, 16 * MIB));
  long      ended = 0, all = rounds(12);
  fill_big(memory.data, memory.size, 2);
  for (long round = 0; round < all || (ended == 0 && round < all + 50); round++) {
    ended += put_and_end(&memory, "old", ending);
    ended += put_and_end(&memory, "fresh/new", ending);
  }
  if (ended == 0) FAIL("no put was ended on its way");
  guarded_free(&memory);
}

static void a_cancelled_put_leaves_nothing(void) { end_puts(BY_CANCEL); }
static void a_late_put_leaves_nothing(void) { end_puts(BY_DEADLINE); }
static void a_put_of_a_closed_queue_leaves_nothing(void) { end_puts(BY_CLOSE); }
static void a_put_of_a_freed_queue_leaves_nothing(void) { end_puts(BY_FREE_OF_QUEUE); }
static void a_put_of_a_freed_service_leaves_nothing(void) { end_puts(BY_FREE_OF_SERVICE); }

static void an_unfinished_put_is_not_listed(void) {
  fixture_t fixture = in_folder(), other = fixture;
  guarded_t memory = guarded_new(big_size(256 * MIB, 32 * MIB));
  int       seen = 0;
  fill_big(memory.data, memory.size, 2);
  must_put(&fixture, "old", SMALL, 1);
  other.cq = new_cq(fixture.service, 4, BLOBFERRY_WAKE_NONE);
  for (int attempt = 0; attempt < 10 && seen == 0; attempt++) {
    request_t request = {VERB_PUT, "folder/new", memory.data, memory.size, NULL, 0, 0};
    must_submit(&request, fixture.store, fixture.cq);
    if (await_the_middle(&fixture)) {
      char *keys = keys_of(&other, "", NULL), *folders = keys_of(&other, "", "/");
      if (open_file_size(getpid(), fixture.folder, "") > 0) {
        CHECK_TEXT(keys, "old\n");
        CHECK_TEXT(folders, "old\n");
        check_outcome(get(&other, "folder/new"), BLOBFERRY_E_NOT_FOUND, "");
        seen += open_file_size(getpid(), fixture.folder, "") > 0;
      }
      free(keys);
      free(folders);
    }
    check_outcome(wait_one(fixture.cq), BLOBFERRY_OK, "");
    check_keys(&fixture, "", NULL, "folder/new\nold\n");
    check_outcome(delete(&fixture, "folder/new"), BLOBFERRY_OK, "");
  }
  CHECK(seen > 0);
  blobferry_cq_free(other.cq);
  guarded_free(&memory);
  fixture_free(&fixture);
}

/* -- processes that are killed ----------------------------------------------------------------------------- */

/* arguments: a folder and a key. Puts something big there and says by ending that it was too late to kill it. */
static int put_something_big(char **arguments) {
  fixture_t fixture = in_this_folder(arguments[0], NULL, 0);
  guarded_t memory = guarded_new(256 * MIB);
  fill_big(memory.data, memory.size, 2);
  request_t request = {VERB_PUT, arguments[1], memory.data, memory.size, NULL, 0, 0};
  must_submit(&request, fixture.store, fixture.cq);
  wait_one(fixture.cq);
  _exit(0);
}

/* Kills the child when it has written some of its file; false where it was done before. */
static bool kill_in_the_middle(pid_t child, const char *folder) {
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (open_file_size(child, folder, "") < (long long)MIB) continue;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
  return false;
}

static void check_after_kill(const char *folder) {
  char *tree = tree_of(folder);
  if (strcmp(tree, TREE_BEFORE) != 0) {
    /* Only where the file system has no nameless files: one file, never listed, that the next list removes. */
    CHECK(strncmp(tree, ".blobferry-", strlen(".blobferry-")) == 0);
    CHECK(strcmp(tree + strcspn(tree, "\n") + 1, TREE_BEFORE) == 0);
    printf("(no nameless files here: a killed put leaves %.*s)\n", (int)strcspn(tree, "\n"), tree);
  }
  free(tree);
  CHECK(file_is(folder, "old", SMALL, 1));
  fixture_t fixture = in_this_folder(folder, NULL, 0);
  check_keys(&fixture, "", NULL, "old\n");
  check_object(&fixture, "old", SMALL, 1);
  check_tree(folder, TREE_BEFORE);
  must_put(&fixture, "old", SMALL, 3);
  must_put(&fixture, "fresh/new", SMALL, 4);
  check_tree(folder, "fresh/\nfresh/new\nold\n");
  fixture_free(&fixture);
}

static void a_killed_process_leaves_nothing(void) {
  static const char *const keys[] = {"old", "fresh/new"};
  int                      killed = 0;
  for (long round = 0; round < rounds(8) + 3; round++) {
    char folder[256];
    make_folder(folder);
    write_file(folder, "old", SMALL, 1);
    if (kill_in_the_middle(begin_child("put_something_big", folder, keys[round % 2]), folder)) {
      killed++;
      check_after_kill(folder);
    } else {
      remove_tree(folder);
    }
  }
  CHECK(killed > 0);
}

int main(int argc, char **argv) {
  CHILDREN(argc, argv, CHILD(put_something_big));
  static const test_t tests[] = {
      TEST(readers_see_the_old_or_the_new),
      TEST(an_unfinished_put_is_not_listed),
      TEST(a_cancelled_put_leaves_nothing),
      TEST(a_late_put_leaves_nothing),
      TEST(a_put_of_a_closed_queue_leaves_nothing),
      TEST(a_put_of_a_freed_queue_leaves_nothing),
      TEST(a_put_of_a_freed_service_leaves_nothing),
      TEST(a_killed_process_leaves_nothing),
  };
  return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
