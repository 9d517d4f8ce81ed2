/*
 * One step of a case, taken apart, and the run that it belongs to.
 */
#ifndef TESTS_C_BEHAVIOUR_STEP_H
#define TESTS_C_BEHAVIOUR_STEP_H

#include "list.h"

#include <inttypes.h>

#define MOST_SPENT 64
#define MOST_KEPT 8
#define MOST_META 16
#define UNTOUCHED 0xABABABABABABABABu
#define NO_REVISION "(none)"
#define SECOND INT64_C(1000000000)

/* A buffer whose completion was taken. */
typedef struct spent {
  guarded_t memory;
  line_t    line;
  uint64_t  seed;
  uint64_t  offset;
  size_t    filled; /* bytes that must be the pattern; beyond them the buffer is as it was given */
  bool      looked_at;
} spent_t;

typedef struct run {
  const listed_store_t *listed;
  blobferry_cq_t       *cq;
  blobferry_store_t    *store;
  const char           *root; /* of a store with +short-keys: what its URL puts before every key */
  char                  prefix[16];
  int                   cases; /* begun on this store */
  uint64_t              requests;
  bool                  lacking; /* the next step needs what the store cannot do */
  spent_t               spent[MOST_SPENT];
  int                   spent_count;
  struct {
    char *name, *revision;
  } kept[MOST_KEPT];
  int     kept_count;
  int64_t begun_ns;
} run_t;

/* One step, taken apart: the words from `arguments` to `arrow`, and from `wishes` to the end. */
typedef struct step {
  line_t      line; /* a view of what words were made from */
  words_t     words;
  char       *key; /* owned, with the prefix */
  bool        raw;
  bool        refused;
  const char *outcome;
  int         arguments, arrow, wishes;
} step_t;

/* What came of one submit call. */
typedef struct reply {
  blobferry_status_t     submitted;
  blobferry_ticket_t     ticket;
  blobferry_error_t     *error;
  uint64_t               user_data;
  blobferry_completion_t completion; /* where submitted is OK */
} reply_t;

__attribute__((format(printf, 3, 4))) static void fail_at(const run_t *run, const line_t *line, const char *format,
                                                          ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "  %s:%d: %s: ", line->file, line->number, run->listed->name);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n    %s\n", line->text);
  va_end(arguments);
  atomic_fetch_add(&failures_in_test, 1);
}

static inline int64_t time_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static inline const char *value_between(const step_t *step, int from, int to, const char *name) {
  size_t size = strlen(name);
  for (int i = from; i < to; i++)
    if (strncmp(step->words.at[i], name, size) == 0 && step->words.at[i][size] == '=')
      return step->words.at[i] + size + 1;
  return NULL;
}

static inline const char *argument(const step_t *step, const char *name) {
  return value_between(step, step->arguments, step->arrow, name);
}

static inline const char *wish(const step_t *step, const char *name) {
  return value_between(step, step->wishes, step->words.count, name);
}

static inline bool word_between(const step_t *step, int from, int to, const char *word) {
  for (int i = from; i < to; i++)
    if (strcmp(step->words.at[i], word) == 0) return true;
  return false;
}

static inline bool has_argument(const step_t *step, const char *word) {
  return word_between(step, step->arguments, step->arrow, word);
}

static inline bool has_wish(const step_t *step, const char *word) {
  return word_between(step, step->wishes, step->words.count, word);
}

static inline uint64_t number(const step_t *step, const char *text) {
  char *end = NULL;
  errno = 0;
  uint64_t value = strtoull(text, &end, 10);
  if (*text == '\0' || *end != '\0' || errno != 0) unreadable(&step->line, "not a number");
  return value;
}

static inline uint64_t number_argument(const step_t *step, const char *name, uint64_t otherwise) {
  const char *text = argument(step, name);
  return text == NULL ? otherwise : number(step, text);
}

/* A word of a step that no runner knows would be a check that is never made. */
static inline void check_words(const step_t *step, int from, int to, const char *known) {
  for (int i = from; i < to; i++) {
    char   word[64];
    size_t size = strcspn(step->words.at[i], "=:");
    if (step->words.at[i][size] != '\0') size++;
    snprintf(word, sizeof word, " %.*s ", (int)size, step->words.at[i]);
    if (strstr(known, word) == NULL) unreadable(&step->line, step->words.at[i]);
  }
}

/* The key that a word stands for, below the prefix of the case or, if it is raw, as it is. */
static inline char *key_of(const run_t *run, bool raw, const char *word, const line_t *line) {
  char   before[256];
  size_t root = strlen(run->root);
  snprintf(before, sizeof before, "%s%s", run->root, raw ? "" : run->prefix);
  char *key = decode(before, word, line);
  memmove(key, key + root, strlen(key + root) + 1);
  return key;
}

static inline step_t step_of(const run_t *run, const line_t *line) {
  step_t step;
  memset(&step, 0, sizeof step);
  step.line = *line;
  step.words = words_of(line);
  bool is_list = strcmp(step.words.at[0], "list") == 0;
  step.raw = step.words.count > 1 && strcmp(step.words.at[1], "raw") == 0;
  step.arguments = 1 + step.raw + !is_list;
  for (int i = step.arguments; i < step.words.count; i++)
    if (strcmp(step.words.at[i], "->") == 0) step.arrow = i;
  if (step.arrow == 0 || step.arrow + 1 >= step.words.count) unreadable(line, "no outcome");
  step.refused = strcmp(step.words.at[step.arrow + 1], "refused") == 0;
  if (step.arrow + 1 + step.refused >= step.words.count) unreadable(line, "no outcome");
  step.outcome = step.words.at[step.arrow + 1 + step.refused];
  step.wishes = step.arrow + 2 + step.refused;
  if (!is_list) step.key = key_of(run, step.raw, step.words.at[step.arguments - 1], line);
  check_words(&step, step.arguments, step.arrow,
              " size= seed= mode= if_match= content_type= meta: details plain offset= length= part= in_flight= buffer="
              " prefix= delimiter= start_after= page= ");
  check_words(&step, step.wishes, step.words.count,
              " result= content= size= keep= revision= revision!= type= type!= no-type meta: no-meta modified pages= ");
  return step;
}

static inline void step_free(step_t *step) {
  words_free(&step->words);
  free(step->key);
}

/* The number of `E_RANGE` and the like. */
static inline blobferry_status_t status_of(const step_t *step) {
  if (strcmp(step->outcome, "OK") == 0) return BLOBFERRY_OK;
  for (blobferry_status_t status = -1; status > -200; status--) {
    const char *name = blobferry_status_name(status);
    if (strcmp(name, "BLOBFERRY_E_UNKNOWN") != 0 && strcmp(name + strlen("BLOBFERRY_"), step->outcome) == 0)
      return status;
  }
  unreadable(&step->line, "no such outcome");
  return BLOBFERRY_OK;
}

static inline void keep(run_t *run, const step_t *step, const char *name, const char *revision) {
  if (run->kept_count == MOST_KEPT) unreadable(&step->line, "too many revisions are kept");
  run->kept[run->kept_count].name = must_have(strdup(name));
  run->kept[run->kept_count++].revision = must_have(strdup(revision));
}

static inline const char *kept(const run_t *run, const line_t *line, const char *name) {
  for (int i = 0; i < run->kept_count; i++)
    if (strcmp(run->kept[i].name, name) == 0) return run->kept[i].revision;
  fail_at(run, line, "no revision was kept as %s", name);
  return "";
}

#endif
