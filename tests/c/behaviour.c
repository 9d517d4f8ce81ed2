/*
 * Runs the behaviour list of tests/behaviour on every store of its stores.list,
 * through the C ABI: once by the calls of the verbs, and once with each request as
 * a batch of one. BLOBFERRY_BEHAVIOUR names the folder of the list; without it,
 * it is tests/behaviour below the working folder. An argument runs only the cases
 * whose name, or whose store's name, contains it. tests/servers/with sets the
 * variables that the stores over a network need.
 *
 * Every buffer is guarded memory. It is locked as soon as its completion was
 * taken, a put's too, and stays so until the case has ended: only then its bytes
 * are looked at.
 */
#include "behaviour/changes.h"
#include "behaviour/folders.h"
#include "behaviour/links.h"
#include "behaviour/open.h"
#include "behaviour/slices.h"
#include "behaviour/streams.h"
#include "behaviour/verbs.h"
#include "behaviour/walk.h"

static behaviour_list_t list;

static const verb_t verbs[] = {
    {"put", true, " size= " PUT_ARGUMENTS, "", put},
    {"put_slices", true, " slice= " PUT_ARGUMENTS, "", put_slices},
    {"get", true, " buffer= " GET_ARGUMENTS, "", get},
    {"get_ranges", true, " range= buffer= no-buffers " GET_ARGUMENTS, "", get_ranges},
    {"get_buffer", true, GET_ARGUMENTS, "", get_buffer},
    {"head", true, " plain " CONDITION_ARGUMENTS, "", head},
    {"exists", true, " plain " CONDITION_ARGUMENTS, "", exists},
    {"delete", true, "", "", delete},
    {"delete_many", false, " key= many= report ", "", delete_many},
    {"copy", true, " to= mode= details ", "", copy},
    {"rename", true, " to= mode= details ", "", rename_step},
    {"sign", true, " method= expires= use= size= seed= ", "", sign},
    {"list", false, " prefix= delimiter= start_after= page= ", " entry prefix ", walk_list},
    {"reader", true, " offset= length= part= prefetch= in_flight= compression= if_match= version= ", "", reader},
    {"read", false, " size= null ", "", read_step},
    {"seek", false, " position= ", "", seek},
    {"reader_size", false, "", "", reader_size},
    {"writer", true, LABEL_ARGUMENTS " mode= part= in_flight= compression= level= ", "", writer},
    {"write", false, " size= seed= null ", "", write_step},
    {"flush", false, "", "", flush},
    {"finish", false, " details ", "", finish},
    {"abort", false, "", "", abort_step},
    {"close", false, "", "", close_step},
    {"upload", true, " prefix= part= in_flight= skip-same stop-on-error report ", " outcome ", upload},
    {"download", true, " prefix= part= in_flight= skip-same stop-on-error report ", " outcome ", download},
    {"file", true, " size= seed= folder link= gone ", "", file},
    {"see", true, "", "", see},
};

/* The verb whose name is the first word of the line, or NULL. */
static const verb_t *verb_of(const line_t *line) {
  size_t size = strcspn(line->text, " ");
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
    if (strlen(verbs[i].name) == size && strncmp(line->text, verbs[i].name, size) == 0) return &verbs[i];
  return NULL;
}

/* True where the line says what must come of the verb above it. */
static bool belongs_to(const line_t *line, const verb_t *verb) {
  char word[32];
  snprintf(word, sizeof word, " %.*s ", (int)strcspn(line->text, " "), line->text);
  return strstr(verb->below, word) != NULL;
}

/* Takes the step at `steps`, and returns how many lines it has. */
static size_t perform(run_t *run, const line_t *steps, size_t count) {
  const verb_t *verb = verb_of(steps);
  if (verb == NULL) {
    unreadable(steps, "no such step");
    return count;
  }
  step_t step = step_of(run, steps, verb);
  char  *before = run->lacking ? snapshot(run, steps) : NULL;
  step.below = steps + 1;
  while (1 + step.below_count < count && belongs_to(&step.below[step.below_count], verb)) step.below_count++;
  verb->perform(run, &step);
  if (before != NULL) {
    char *after = snapshot(run, steps);
    if (strcmp(before, after) != 0) fail_at(run, steps, "a refused step changed:%sto:%s", before, after);
    free(after);
    free(before);
  }
  step_free(&step);
  return 1 + step.below_count;
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
      {"needs VERSION", BLOBFERRY_CAN_VERSION},
      {"needs TAGS", BLOBFERRY_CAN_TAGS},
      {"needs COPY_CREATE", BLOBFERRY_CAN_COPY_CREATE},
      {"needs RENAME_CREATE", BLOBFERRY_CAN_RENAME_CREATE},
      {"needs SIGN", BLOBFERRY_CAN_SIGN},
  };
  for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++)
    if (strcmp(line->text, capabilities[i].name) == 0)
      return (blobferry_store_capabilities(run->store) & capabilities[i].bit) != 0;
  unreadable(line, "no such capability");
  return false;
}

/* Frees what the case has opened, and looks at what was locked all the while. */
static void end_case(run_t *run, const line_t *head_line) {
  blobferry_completion_t completion;
  size_t                 count = 99;
  streams_free(run);
  case_folder_free(run);
  look_at_buffers(run);
  for (int i = 0; i < run->kept_count; i++) {
    free(run->kept[i].name);
    free(run->kept[i].revision);
    free(run->kept[i].version);
  }
  run->kept_count = 0;
  CHECK_STATUS(blobferry_cq_drain(run->cq, &completion, 1, &count, NULL), BLOBFERRY_OK);
  if (count != 0) fail_at(run, head_line, "a completion too many");
}

static void run_steps(run_t *run, const lines_t *steps) {
  run->lacking = false;
  for (size_t i = 0; i < steps->count;) {
    if (begins_with(steps->at[i].text, "needs ")) {
      run->lacking = !can(run, &steps->at[i++]);
      continue;
    }
    i += perform(run, &steps->at[i], steps->count - i);
    if (run->lacking) return;
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
    printf("FAILED %s%s: %s (%s:%d)\n", run->listed->name, run->in_batches ? " in batches" : "",
           head_line.text + strlen("case "), head_line.file, head_line.number);
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
  const char *only = run->listed->only;
  bool        all = true, chosen = only == NULL;
  for (size_t i = 0; i < behaviour->conditions.count; i++) {
    const line_t *line = &behaviour->conditions.at[i];
    const char   *trait = line->text + strlen("if ");
    bool          wanted = !begins_with(trait, "not ");
    if (!wanted) trait += strlen("not ");
    if (!is_trait(trait)) unreadable(line, "no store has this trait");
    all = all && has_trait(run->listed, trait) == wanted;
    chosen = chosen || (wanted && strcmp(trait, only) == 0);
  }
  return all && chosen;
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

static tally_t run_store(const listed_store_t *listed, const char *filter, bool in_batches) {
  static run_t         run;
  tally_t              tally = {0, 0};
  blobferry_service_t *service = new_service();
  uint64_t             begun = now_ms();
  opening_t            opening = fill_in(listed);
  memset(&run, 0, sizeof run);
  run.listed = listed;
  run.in_batches = in_batches;
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
  printf("%s %s%s: %d cases (%" PRIu64 " ms)\n", tally.failed ? "FAILED" : "ok    ", listed->name,
         in_batches ? " in batches" : "", tally.passed + tally.failed, now_ms() - begun);
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
    for (int in_batches = 0; in_batches < 2; in_batches++) {
      tally_t tally = run_store(&list.stores[i], argc > 1 ? argv[1] : "", in_batches);
      all.passed += tally.passed;
      all.failed += tally.failed;
    }
  }
  printf("%d passed, %d failed\n", all.passed, all.failed);
  return all.failed == 0 && all.passed > 0 ? 0 : 1;
}
