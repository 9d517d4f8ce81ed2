/*
 * One step of a case, taken apart, and the run that it belongs to.
 */
#ifndef TESTS_C_BEHAVIOUR_STEP_H
#define TESTS_C_BEHAVIOUR_STEP_H

#include "list.h"

#include <inttypes.h>

#define MOST_SPENT 96
#define MOST_KEPT 16
#define UNTOUCHED 0xABABABABABABABABu
#define NO_REVISION "(none)"
#define SECOND INT64_C(1000000000)

/* The pattern of one seed. With a period it begins again after so many bytes: then it can be compressed. */
typedef struct content {
  uint64_t seed, period;
} content_t;

/* A buffer whose completion was taken, and what must be in it. */
typedef struct spent {
  guarded_t          memory;
  line_t             line;
  bool               looked_at;
  size_t             filled; /* bytes that must be the content; beyond them the buffer is as it was given */
  content_t          content;
  uint64_t           offset; /* of the first byte: in the content, or in the ranges of it one after the other */
  blobferry_range_t *ranges; /* owned; NULL where there are none */
  size_t             range_count;
} spent_t;

/* What `keep` has remembered of an object. */
typedef struct kept {
  char   *name, *revision, *version;
  int64_t modified_ns;
} kept_t;

/* The reader and the writer that a case has open, and what the runner knows of it. */
typedef struct stream {
  blobferry_reader_t *reader;
  blobferry_writer_t *writer;
  uint64_t            offset;  /* of the object, where the reader's position is 0 */
  uint64_t            read;    /* the reader's position */
  uint64_t            written; /* bytes given to the writer */
  bool                packed;  /* the writer compresses: the object has another size */
} stream_t;

typedef struct run {
  const listed_store_t *listed;
  blobferry_cq_t       *cq;
  blobferry_store_t    *store;
  bool                  in_batches; /* each request is submitted as a batch of one */
  const char           *root;       /* of a store with +short-keys: what its URL puts before every key */
  char                  prefix[16];
  char                  folder[320]; /* of this case, for files; made by the first step that needs one */
  int                   cases;       /* begun on this store */
  uint64_t              requests;
  bool                  lacking; /* the next step needs what the store cannot do */
  spent_t               spent[MOST_SPENT];
  int                   spent_count;
  kept_t                kept[MOST_KEPT];
  int                   kept_count;
  stream_t              stream;
  int64_t               begun_ns;
} run_t;

/* One step, taken apart: the words from `arguments` to `arrow`, and from `wishes` to the end. */
typedef struct step {
  line_t        line; /* a view of what words were made from */
  words_t       words;
  char         *key; /* owned, with the prefix; NULL where the verb has none */
  bool          raw;
  bool          refused;
  const char   *outcome;
  int           arguments, arrow, wishes;
  const line_t *below; /* the lines that say in detail what must come of it */
  size_t        below_count;
} step_t;

/* What a step can be. */
typedef struct verb {
  const char *name;
  bool        has_key;   /* a key, or the name of a file, follows */
  const char *arguments; /* that it knows */
  const char *below;     /* what the lines below it can begin with */
  void (*perform)(run_t *run, const step_t *step);
} verb_t;

__attribute__((format(printf, 3, 4))) static void fail_at(const run_t *run, const line_t *line, const char *format,
                                                          ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "  %s:%d: %s%s: ", line->file, line->number, run->listed->name, run->in_batches ? " in batches" : "");
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

/* -- words ------------------------------------------------------------------------------------- */

/* The value of the word `NAME=VALUE` or `NAME:VALUE`, or NULL. */
static inline const char *value_of(const char *word, const char *name, char sign) {
  size_t size = strlen(name);
  return strncmp(word, name, size) == 0 && word[size] == sign ? word + size + 1 : NULL;
}

static inline const char *value_between(const step_t *step, int from, int to, const char *name) {
  for (int i = from; i < to; i++) {
    const char *value = value_of(step->words.at[i], name, '=');
    if (value != NULL) return value;
  }
  return NULL;
}

static inline const char *argument(const step_t *step, const char *name) {
  return value_between(step, step->arguments, step->arrow, name);
}

static inline const char *wish(const step_t *step, const char *name) {
  return value_between(step, step->wishes, step->words.count, name);
}

/* The word behind the verb, where it has one. */
static inline const char *subject(const step_t *step) { return step->words.at[step->arguments - 1]; }

/* The text of an argument, owned, or NULL where there is none. */
static inline char *text_argument(const step_t *step, const char *name) {
  const char *word = argument(step, name);
  return word == NULL ? NULL : decode("", word, &step->line);
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

/* The number that the words `NAMES`, one after the other, stand for: `one two`, 0 and 1. */
static inline uint32_t choice_argument(const step_t *step, const char *name, const char *const *names) {
  const char *word = argument(step, name);
  for (uint32_t i = 0; word != NULL && names[i] != NULL; i++)
    if (strcmp(word, names[i]) == 0) return i;
  if (word != NULL) unreadable(&step->line, word);
  return 0;
}

/* `SEED` or `SEED/PERIOD`. */
static inline content_t content_of(const step_t *step, const char *text) {
  char      *end = NULL;
  content_t  content = {strtoull(text, &end, 10), 0};
  if (end == text) unreadable(&step->line, "not a seed");
  if (*end == '/') content.period = number(step, end + 1);
  else if (*end != '\0') unreadable(&step->line, "not a seed");
  return content;
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

/* What any step can expect, and what those can whose completion has details. */
#define WISHES " result= result<= content= from= bytes= pages= holds= answers= "
#define DETAILS_WISHES                                                                                          \
  " size= keep= revision= revision!= type= type!= no-type content_encoding= content_language= content_disposition=" \
  " cache_control= no-headers meta: no-meta modified "

static inline step_t step_of(const run_t *run, const line_t *line, const verb_t *verb) {
  step_t step;
  memset(&step, 0, sizeof step);
  step.line = *line;
  step.words = words_of(line);
  step.raw = step.words.count > 1 && strcmp(step.words.at[1], "raw") == 0;
  step.arguments = 1 + step.raw + verb->has_key;
  for (int i = step.arguments; i < step.words.count; i++)
    if (strcmp(step.words.at[i], "->") == 0) step.arrow = i;
  if (step.arrow == 0 || step.arrow + 1 >= step.words.count) unreadable(line, "no outcome");
  step.refused = strcmp(step.words.at[step.arrow + 1], "refused") == 0;
  if (step.arrow + 1 + step.refused >= step.words.count) unreadable(line, "no outcome");
  step.outcome = step.words.at[step.arrow + 1 + step.refused];
  step.wishes = step.arrow + 2 + step.refused;
  if (verb->has_key) step.key = key_of(run, step.raw, step.words.at[step.arguments - 1], line);
  check_words(&step, step.arguments, step.arrow, verb->arguments);
  check_words(&step, step.wishes, step.words.count, WISHES DETAILS_WISHES);
  return step;
}

static inline void step_free(step_t *step) {
  words_free(&step->words);
  free(step->key);
}

/* The number of `E_RANGE` and the like. */
static inline blobferry_status_t status_named(const line_t *line, const char *word) {
  if (strcmp(word, "OK") == 0) return BLOBFERRY_OK;
  for (blobferry_status_t status = -1; status > -200; status--) {
    const char *name = blobferry_status_name(status);
    if (strcmp(name, "BLOBFERRY_E_UNKNOWN") != 0 && strcmp(name + strlen("BLOBFERRY_"), word) == 0) return status;
  }
  unreadable(line, "no such outcome");
  return BLOBFERRY_OK;
}

static inline blobferry_status_t status_of(const step_t *step) { return status_named(&step->line, step->outcome); }

/* True where the outcome is this one, or one of those with `|` between them. */
static inline bool may_end_with(const step_t *step, blobferry_status_t status) {
  bool  any = false;
  char *words = must_have(strdup(step->outcome)), *rest = NULL;
  for (char *word = strtok_r(words, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest))
    any = status_named(&step->line, word) == status || any;
  free(words);
  return any;
}

/* -- what is remembered ------------------------------------------------------------------------- */

static inline void keep(run_t *run, const step_t *step, const char *name, const blobferry_details_t *details) {
  const char *revision = blobferry_details_revision(details), *version = blobferry_details_version(details);
  if (run->kept_count == MOST_KEPT) unreadable(&step->line, "too many revisions are kept");
  run->kept[run->kept_count++] =
      (kept_t){must_have(strdup(name)), must_have(strdup(revision == NULL ? NO_REVISION : revision)),
               must_have(strdup(version == NULL ? NO_REVISION : version)), blobferry_details_last_modified_ns(details)};
}

/* What was kept under the first `size` bytes of `name`. */
static inline const kept_t *kept(const run_t *run, const line_t *line, const char *name, size_t size) {
  static char         nothing[] = "";
  static const kept_t none = {nothing, nothing, nothing, BLOBFERRY_TIME_UNKNOWN};
  for (int i = 0; i < run->kept_count; i++)
    if (strlen(run->kept[i].name) == size && strncmp(run->kept[i].name, name, size) == 0) return &run->kept[i];
  fail_at(run, line, "nothing was kept as %s", name);
  return &none;
}

static inline const char *kept_revision(const run_t *run, const line_t *line, const char *name) {
  return kept(run, line, name, strlen(name))->revision;
}

#endif
