/*
 * Reads the behaviour list: tests/behaviour/stores.list into stores, every other
 * *.list there into cases, whose lines stay text until they are run. The format
 * is described at the top of objects.list. A file that cannot be read ends the
 * program: a list that is half read would pass.
 */
#ifndef TESTS_C_BEHAVIOUR_LIST_H
#define TESTS_C_BEHAVIOUR_LIST_H

#include "../harness.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>

#define MOST_WORDS 96
#define MOST_OPTIONS 8

/* One line of a list, where it stands and what it says. */
typedef struct line {
  char *file;
  int   number;
  char *text;
} line_t;

typedef struct lines {
  line_t *at;
  size_t  count;
} lines_t;

/* The blank-separated words of a line. They are views of `text`, which is owned. */
typedef struct words {
  char *text;
  char *at[MOST_WORDS];
  int   count;
} words_t;

typedef struct listed_store {
  words_t          words; /* what the rest are views of */
  char            *name;
  char            *url;
  blobferry_pair_t options[MOST_OPTIONS];
  size_t           option_count;
  char            *traits; /* "+flat +long-segments " */
  char            *only;   /* the trait whose cases alone are run; NULL for all */
} listed_store_t;

typedef struct behaviour {
  line_t  head;       /* the line `case ...` */
  lines_t conditions; /* the lines `if ...` */
  line_t  loop;       /* the line `for ...`; its text may be NULL */
  lines_t steps;
} behaviour_t;

typedef struct behaviour_list {
  listed_store_t *stores;
  size_t          store_count;
  behaviour_t    *cases;
  size_t          case_count;
  size_t          pattern_lines;
} behaviour_list_t;

static inline void unreadable(const line_t *line, const char *what) {
  fprintf(stderr, "%s:%d: %s: %s\n", line->file, line->number, what, line->text ? line->text : "");
  exit(2);
}

static inline void *must_have(void *memory) {
  if (memory != NULL) return memory;
  fprintf(stderr, "out of memory\n");
  exit(2);
}

static inline void *grown(void *array, size_t count, size_t size) {
  return must_have(realloc(array, (count + 1) * size));
}

static inline words_t words_of(const line_t *line) {
  words_t words;
  char   *rest = NULL;
  words.text = must_have(strdup(line->text));
  words.count = 0;
  for (char *word = strtok_r(words.text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
    if (words.count == MOST_WORDS) unreadable(line, "too many words");
    words.at[words.count++] = word;
  }
  return words;
}

static inline void words_free(words_t *words) { free(words->text); }

static inline bool begins_with(const char *text, const char *beginning) {
  return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* -- words ------------------------------------------------------------------------------------- */

/* Text that grows as a word is decoded. */
typedef struct growing {
  char  *text;
  size_t size;
} growing_t;

static inline void grow(growing_t *text, char byte) {
  text->text = must_have(realloc(text->text, text->size + 2));
  text->text[text->size++] = byte;
  text->text[text->size] = '\0';
}

static inline int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

static inline void decode_into(growing_t *out, const char *word, size_t size, const line_t *line);

/* `%(N:TEXT)`, `%(=N:TEXT)` or `%()`; returns what follows it. */
static inline const char *decode_repeat(growing_t *out, const char *at, const char *end, const line_t *line) {
  const char *close = memchr(at, ')', (size_t)(end - at));
  if (close == NULL) unreadable(line, "a %( without its )");
  if (close == at + 2) return close + 1;
  bool        fill = at[2] == '=';
  char       *text = NULL;
  size_t      number = strtoull(at + (fill ? 3 : 2), &text, 10);
  growing_t   once = {NULL, 0};
  if (*text != ':' || text + 1 >= close) unreadable(line, "not %(N:TEXT)");
  decode_into(&once, text + 1, (size_t)(close - text - 1), line);
  if (fill)
    for (size_t i = 0; out->size < number; i++) grow(out, once.text[i % once.size]);
  else
    for (size_t i = 0; i < number * once.size; i++) grow(out, once.text[i % once.size]);
  free(once.text);
  return close + 1;
}

static inline void decode_into(growing_t *out, const char *word, size_t size, const line_t *line) {
  const char *end = word + size;
  while (word < end) {
    if (*word != '%') {
      grow(out, *word++);
    } else if (word + 1 < end && word[1] == '(') {
      word = decode_repeat(out, word, end, line);
    } else {
      int high = word + 1 < end ? hex_digit(word[1]) : -1, low = word + 2 < end ? hex_digit(word[2]) : -1;
      if (high < 0 || low < 0) unreadable(line, "a % that is not %XX");
      grow(out, (char)(high * 16 + low));
      word += 3;
    }
  }
}

/* The text of a word, after `prefix`; owned by the caller. */
static inline char *decode(const char *prefix, const char *word, const line_t *line) {
  growing_t out = {NULL, 0};
  grow(&out, '\0');
  out.size = 0;
  for (const char *byte = prefix; *byte; byte++) grow(&out, *byte);
  decode_into(&out, word, strlen(word), line);
  return out.text;
}

/* -- files ------------------------------------------------------------------------------------- */

static inline void add_line(lines_t *lines, const line_t *line) {
  lines->at = grown(lines->at, lines->count, sizeof *line);
  lines->at[lines->count++] = *line;
}

/* Every line that says something, without the blanks around it. */
static inline lines_t read_lines(const char *folder, const char *name) {
  char   path[512], text[4096];
  line_t none = {must_have(strdup(name)), 0, NULL};
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE   *file = fopen(path, "r");
  lines_t lines = {NULL, 0};
  if (file == NULL) unreadable(&none, "cannot be opened");
  for (int number = 1; fgets(text, sizeof text, file) != NULL; number++) {
    char  *begin = text, *end = text + strlen(text);
    line_t line = {none.file, number, text};
    if (end == text || end[-1] != '\n') unreadable(&line, "a line without an end");
    while (end > begin && isspace((unsigned char)end[-1])) *--end = '\0';
    while (*begin == ' ') begin++;
    if (*begin == '\0' || *begin == '#') continue;
    line.text = must_have(strdup(begin));
    add_line(&lines, &line);
  }
  fclose(file);
  return lines;
}

static inline bool has_trait(const listed_store_t *store, const char *trait) {
  char word[64];
  snprintf(word, sizeof word, "+%s ", trait);
  return strstr(store->traits, word) != NULL;
}

/* Lines that do not begin with `store` go on with the one before. */
static inline lines_t read_store_lines(const char *folder) {
  lines_t lines = read_lines(folder, "stores.list"), joined = {NULL, 0};
  for (size_t i = 0; i < lines.count; i++) {
    line_t *last = joined.count > 0 ? &joined.at[joined.count - 1] : NULL;
    if (last == NULL || begins_with(lines.at[i].text, "store ")) {
      add_line(&joined, &lines.at[i]);
      continue;
    }
    last->text = must_have(realloc(last->text, strlen(last->text) + strlen(lines.at[i].text) + 2));
    strcat(strcat(last->text, " "), lines.at[i].text);
    free(lines.at[i].text);
  }
  free(lines.at);
  return joined;
}

static inline listed_store_t store_of(const line_t *line) {
  listed_store_t store;
  memset(&store, 0, sizeof store);
  store.words = words_of(line);
  if (store.words.count < 3 || strcmp(store.words.at[0], "store") != 0) unreadable(line, "not a store");
  store.name = store.words.at[1];
  store.url = store.words.at[2];
  store.traits = must_have(calloc(1, strlen(line->text) + 2));
  for (int i = 3; i < store.words.count; i++) {
    char *word = store.words.at[i], *value = strchr(word, '=');
    if (word[0] == '+') {
      strcat(strcat(store.traits, word), " ");
    } else if (begins_with(word, "only=")) {
      store.only = value + 1;
    } else if (value != NULL && store.option_count < MOST_OPTIONS) {
      *value = '\0';
      store.options[store.option_count++] = (blobferry_pair_t){word, value + 1};
    } else {
      unreadable(line, "not an option, not a trait");
    }
  }
  return store;
}

static inline void read_stores(behaviour_list_t *list, const char *folder) {
  lines_t lines = read_store_lines(folder);
  for (size_t i = 0; i < lines.count; i++) {
    list->stores = grown(list->stores, list->store_count, sizeof *list->stores);
    list->stores[list->store_count++] = store_of(&lines.at[i]);
    free(lines.at[i].text);
  }
  if (lines.count > 0) free(lines.at[0].file);
  free(lines.at);
}

/* `pattern SEED PLACE HEX`: the bytes of pattern_byte must be these. */
static inline void check_pattern(const line_t *line) {
  words_t words = words_of(line);
  if (words.count != 4) unreadable(line, "not a pattern");
  uint64_t seed = strtoull(words.at[1], NULL, 10), place = strtoull(words.at[2], NULL, 10);
  for (size_t i = 0; words.at[3][2 * i] != '\0'; i++) {
    unsigned byte = 256;
    sscanf(words.at[3] + 2 * i, "%2x", &byte);
    if (pattern_byte(seed, place + i) != byte) unreadable(line, "the pattern of this runner is another one");
  }
  words_free(&words);
}

static inline void read_case_line(behaviour_list_t *list, const line_t *line) {
  behaviour_t *last = list->case_count > 0 ? &list->cases[list->case_count - 1] : NULL;
  if (begins_with(line->text, "pattern ")) {
    check_pattern(line);
    list->pattern_lines++;
    free(line->text);
  } else if (begins_with(line->text, "case ")) {
    list->cases = grown(list->cases, list->case_count, sizeof *list->cases);
    memset(&list->cases[list->case_count], 0, sizeof *list->cases);
    list->cases[list->case_count++].head = *line;
  } else if (last == NULL || strcmp(last->head.file, line->file) != 0) {
    unreadable(line, "a step before the first case");
  } else if (begins_with(line->text, "if ")) {
    add_line(&last->conditions, line);
  } else if (begins_with(line->text, "for ")) {
    last->loop = *line;
  } else {
    add_line(&last->steps, line);
  }
}

static inline behaviour_list_t read_behaviour_list(const char *folder) {
  behaviour_list_t list;
  struct dirent  **names = NULL;
  int              count = scandir(folder, &names, NULL, alphasort);
  memset(&list, 0, sizeof list);
  if (count < 0) {
    fprintf(stderr, "%s: %s; set BLOBFERRY_BEHAVIOUR to the folder of the behaviour list\n", folder, strerror(errno));
    exit(2);
  }
  read_stores(&list, folder);
  for (int i = 0; i < count; i++) {
    const char *name = names[i]->d_name;
    size_t      size = strlen(name);
    if (size > 5 && strcmp(name + size - 5, ".list") == 0 && strcmp(name, "stores.list") != 0) {
      lines_t lines = read_lines(folder, name);
      for (size_t line = 0; line < lines.count; line++) read_case_line(&list, &lines.at[line]);
      free(lines.at);
    }
    free(names[i]);
  }
  free(names);
  return list;
}

/* `line` with every {NAME} replaced; its text is owned by the caller. */
static inline line_t line_with(const line_t *line, const char *name, const char *value) {
  line_t    out = *line;
  growing_t text = {NULL, 0};
  size_t    name_size = strlen(name);
  for (const char *at = line->text; *at;) {
    if (name_size > 0 && *at == '{' && strncmp(at + 1, name, name_size) == 0 && at[name_size + 1] == '}') {
      for (const char *byte = value; *byte; byte++) grow(&text, *byte);
      at += name_size + 2;
    } else {
      grow(&text, *at++);
    }
  }
  out.text = text.text;
  return out;
}

#endif
