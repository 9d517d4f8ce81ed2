/*
 * Runs the behaviour list of tests/behaviour on every store of its stores.list,
 * through the C ABI. BLOBFERRY_BEHAVIOUR names the folder of the list; without it,
 * it is tests/behaviour below the working folder. An argument runs only the cases
 * whose name, or whose store's name, contains it. tests/servers/with sets the
 * variables that the stores over a network need.
 *
 * Every buffer is guarded memory. It is locked as soon as its completion was
 * taken, a put's too, and stays so until the case has ended: only then its bytes
 * are looked at.
 */
#include "behaviour/open.h"
#include "behaviour/verbs.h"
#include "behaviour/walk.h"

static behaviour_list_t list;

static bool is_entry(const line_t *line) {
  return begins_with(line->text, "entry ") || begins_with(line->text, "prefix ");
}

static void perform(run_t *run, const line_t *line, const line_t *entries, size_t entry_count) {
  step_t      step = step_of(run, line);
  const char *op = step.words.at[0];
  char       *before = run->lacking ? snapshot(run, line) : NULL;
  if (strcmp(op, "put") == 0) put(run, &step);
  else if (strcmp(op, "get") == 0) get(run, &step);
  else if (strcmp(op, "head") == 0) head(run, &step);
  else if (strcmp(op, "delete") == 0) delete(run, &step);
  else if (strcmp(op, "list") == 0) walk_list(run, &step, entries, entry_count);
  else unreadable(line, "no such step");
  if (before != NULL) {
    char *after = snapshot(run, line);
    if (strcmp(before, after) != 0) fail_at(run, line, "a refused step changed:%sto:%s", before, after);
    free(after);
    free(before);
  }
  step_free(&step);
}

/* True where the store can do what `needs WORD` names. */
static bool can(const run_t *run, const line_t *line) {
  static const struct {
    const char *name;
    uint64_t    bit;
  } capabilities[] = {
      {"needs GET_RANGE", BLOBFERRY_CAN_GET_RANGE},
      {"needs PUT_CREATE", BLOBFERRY_CAN_PUT_CREATE},
      {"needs PUT_UPDATE", BLOBFERRY_CAN_PUT_UPDATE},
      {"needs CONTENT_TYPE", BLOBFERRY_CAN_CONTENT_TYPE},
      {"needs METADATA", BLOBFERRY_CAN_METADATA},
      {"needs LIST_ANY_DELIMITER", BLOBFERRY_CAN_LIST_ANY_DELIMITER},
      {"needs LIST_START_AFTER", BLOBFERRY_CAN_LIST_START_AFTER},
  };
  for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++)
    if (strcmp(line->text, capabilities[i].name) == 0)
      return (blobferry_store_capabilities(run->store) & capabilities[i].bit) != 0;
  unreadable(line, "no such capability");
  return false;
}

/* Now that the case has ended, looks at what was locked all the while. */
static void end_case(run_t *run, const line_t *head_line) {
  blobferry_completion_t completion;
  size_t                 count = 99;
  for (int i = 0; i < run->spent_count; i++) {
    spent_t *spent = &run->spent[i];
    int      failures = atomic_load(&failures_in_test);
    guarded_unlock(&spent->memory);
    if (atomic_load(&failures_in_test) != failures) fail_at(run, &spent->line, "the canary was at this buffer");
    if (spent->looked_at && !pattern_is(spent->memory.data, spent->filled, spent->seed, spent->offset))
      fail_at(run, &spent->line, "the bytes in the buffer are wrong");
    for (size_t at = spent->filled; spent->looked_at && at < spent->memory.size; at++)
      if (spent->memory.data[at] != CANARY) {
        fail_at(run, &spent->line, "byte %zu, beyond the result, was written", at);
        break;
      }
    guarded_free(&spent->memory);
  }
  for (int i = 0; i < run->kept_count; i++) {
    free(run->kept[i].name);
    free(run->kept[i].revision);
  }
  run->spent_count = run->kept_count = 0;
  CHECK_STATUS(blobferry_cq_drain(run->cq, &completion, 1, &count, NULL), BLOBFERRY_OK);
  if (count != 0) fail_at(run, head_line, "a completion too many");
}

static void run_steps(run_t *run, const lines_t *steps) {
  run->lacking = false;
  for (size_t i = 0; i < steps->count; i++) {
    size_t entries = 0;
    if (begins_with(steps->at[i].text, "needs ")) {
      run->lacking = !can(run, &steps->at[i]);
      continue;
    }
    while (i + 1 + entries < steps->count && is_entry(&steps->at[i + 1 + entries])) entries++;
    perform(run, &steps->at[i], &steps->at[i + 1], entries);
    if (run->lacking) return;
    i += entries;
  }
}

/* Runs a case for one value of its loop. True where it passed. */
static bool run_case(run_t *run, const behaviour_t *behaviour, const char *name, const char *value) {
  lines_t steps = {must_have(calloc(behaviour->steps.count + 1, sizeof(line_t))), behaviour->steps.count};
  line_t  head_line = line_with(&behaviour->head, name, value);
  for (size_t i = 0; i < steps.count; i++) steps.at[i] = line_with(&behaviour->steps.at[i], name, value);
  if (steps.count == 0) unreadable(&head_line, "a case without steps");
  atomic_store(&failures_in_test, 0);
  snprintf(run->prefix, sizeof run->prefix, "c%03d/", ++run->cases);
  run_steps(run, &steps);
  end_case(run, &head_line);
  bool ok = atomic_load(&failures_in_test) == 0;
  if (!ok)
    printf("FAILED %s: %s (%s:%d)\n", run->listed->name, head_line.text + strlen("case "), head_line.file,
           head_line.number);
  for (size_t i = 0; i < steps.count; i++) free(steps.at[i].text);
  free(steps.at);
  free(head_line.text);
  return ok;
}

static bool is_trait(const char *trait) {
  for (size_t i = 0; i < list.store_count; i++)
    if (has_trait(&list.stores[i], trait)) return true;
  return false;
}

static bool applies(const run_t *run, const behaviour_t *behaviour) {
  bool all = true;
  for (size_t i = 0; i < behaviour->conditions.count; i++) {
    const line_t *line = &behaviour->conditions.at[i];
    const char   *trait = line->text + strlen("if ");
    bool          wanted = !begins_with(trait, "not ");
    if (!wanted) trait += strlen("not ");
    if (!is_trait(trait)) unreadable(line, "no store has this trait");
    all = all && has_trait(run->listed, trait) == wanted;
  }
  return all;
}

typedef struct tally {
  int passed, failed;
} tally_t;

static void run_loop(run_t *run, const behaviour_t *behaviour, tally_t *tally) {
  if (behaviour->loop.text == NULL) {
    if (run_case(run, behaviour, "", "")) tally->passed++;
    else tally->failed++;
    return;
  }
  words_t words = words_of(&behaviour->loop);
  for (int i = 2; i < words.count; i++) {
    if (run_case(run, behaviour, words.at[1], words.at[i])) tally->passed++;
    else tally->failed++;
  }
  words_free(&words);
}

static tally_t run_store(const listed_store_t *listed, const char *filter) {
  static run_t         run;
  tally_t              tally = {0, 0};
  blobferry_service_t *service = new_service();
  uint64_t             begun = now_ms();
  opening_t            opening = fill_in(listed);
  memset(&run, 0, sizeof run);
  run.listed = listed;
  run.root = opening.root;
  run.begun_ns = time_ns();
  run.cq = new_cq(service, 4, BLOBFERRY_WAKE_NONE);
  run.store = open_filled(service, &opening);
  for (size_t i = 0; i < list.case_count; i++) {
    bool chosen = strstr(list.cases[i].head.text, filter) != NULL || strstr(listed->name, filter) != NULL;
    if (chosen && applies(&run, &list.cases[i])) run_loop(&run, &list.cases[i], &tally);
  }
  blobferry_store_free(run.store);
  blobferry_cq_free(run.cq);
  blobferry_service_free(service);
  atomic_store(&failures_in_test, 0);
  check_nothing_lives();
  opening_free(&opening);
  if (atomic_load(&failures_in_test) != 0) tally.failed++;
  printf("%s %s: %d cases (%" PRIu64 " ms)\n", tally.failed ? "FAILED" : "ok    ", listed->name,
         tally.passed + tally.failed, now_ms() - begun);
  fflush(stdout);
  return tally;
}

int main(int argc, char **argv) {
  const char *folder = getenv("BLOBFERRY_BEHAVIOUR");
  tally_t     all = {0, 0};
  list = read_behaviour_list(folder != NULL ? folder : "tests/behaviour");
  if (list.store_count == 0 || list.case_count == 0 || list.pattern_lines == 0) {
    fprintf(stderr, "the behaviour list has no stores, no cases or no pattern\n");
    return 2;
  }
  for (size_t i = 0; i < list.store_count; i++) {
    if (is_not_run(&list.stores[i])) continue;
    tally_t tally = run_store(&list.stores[i], argc > 1 ? argv[1] : "");
    all.passed += tally.passed;
    all.failed += tally.failed;
  }
  printf("%d passed, %d failed\n", all.passed, all.failed);
  return all.failed == 0 && all.passed > 0 ? 0 : 1;
}
