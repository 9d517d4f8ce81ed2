/*
 * Opens a store of stores.list: puts in what its line leaves open, `{folder}`,
 * `{unique}` and `{env:NAME}`.
 */
#ifndef TESTS_C_BEHAVIOUR_OPEN_H
#define TESTS_C_BEHAVIOUR_OPEN_H

#include "step.h"

/* What a line of stores.list says in this run. */
typedef struct opening {
  char             folder[256];
  char             unique[17];
  char            *url;
  blobferry_pair_t options[MOST_OPTIONS]; /* their values are owned */
  size_t           option_count;
  char            *root; /* with +short-keys what the URL puts before every key, else "" */
} opening_t;

/* The variable that the first `{env:NAME}` at or after `text` stands for, or false. `*end_out` is behind it. */
static inline bool next_variable(const char *text, char *name, size_t size, const char **end_out) {
  const char *begin = strstr(text, "{env:");
  if (begin == NULL) return false;
  begin += strlen("{env:");
  snprintf(name, size, "BLOBFERRY_TEST_%.*s", (int)strcspn(begin, "}"), begin);
  *end_out = begin + strcspn(begin, "}");
  return true;
}

static inline bool lacks_variable(const listed_store_t *listed, const char *text) {
  char name[128];
  while (next_variable(text, name, sizeof name, &text)) {
    const char *value = getenv(name);
    if (value != NULL && *value != '\0') continue;
    printf("not run: %s: %s is not set\n", listed->name, name);
    return true;
  }
  return false;
}

/* True where a variable that the line needs is not set; says so. */
static inline bool is_not_run(const listed_store_t *listed) {
  for (size_t i = 0; i < listed->option_count; i++)
    if (lacks_variable(listed, listed->options[i].value)) return true;
  return lacks_variable(listed, listed->url);
}

static inline char *replaced(char *text, const char *name, const char *value) {
  line_t line = {NULL, 0, text};
  char  *out = line_with(&line, name, value).text;
  free(text);
  return out;
}

static inline char *filled(const opening_t *opening, const char *text) {
  char       *out = must_have(strdup(text)), name[128];
  const char *at = text;
  out = replaced(replaced(out, "folder", opening->folder), "unique", opening->unique);
  while (next_variable(at, name, sizeof name, &at)) {
    char short_name[128];
    snprintf(short_name, sizeof short_name, "env:%s", name + strlen("BLOBFERRY_TEST_"));
    out = replaced(out, short_name, getenv(name));
  }
  return out;
}

static inline char *root_of(const listed_store_t *listed, const char *url) {
  const char *host = strstr(url, "://"), *path = host == NULL ? NULL : strchr(host + strlen("://"), '/');
  char       *root = must_have(calloc(1, strlen(url) + 2));
  if (has_trait(listed, "short-keys") && path != NULL && path[1] != '\0') sprintf(root, "%s/", path + 1);
  return root;
}

static inline opening_t fill_in(const listed_store_t *listed) {
  opening_t opening;
  memset(&opening, 0, sizeof opening);
  make_folder(opening.folder);
  snprintf(opening.unique, sizeof opening.unique, "run-%012" PRIx64, (uint64_t)time_ns() & 0xFFFFFFFFFFFFu);
  opening.url = filled(&opening, listed->url);
  for (size_t i = 0; i < listed->option_count; i++)
    opening.options[opening.option_count++] =
        (blobferry_pair_t){listed->options[i].key, filled(&opening, listed->options[i].value)};
  opening.root = root_of(listed, opening.url);
  return opening;
}

static inline blobferry_store_t *open_filled(blobferry_service_t *service, const opening_t *opening) {
  blobferry_store_t *store = NULL;
  blobferry_error_t *error = NULL;
  blobferry_status_t status =
      blobferry_store_open(service, opening->url, opening->options, opening->option_count, &store, &error);
  must(status, error, opening->url);
  return store;
}

static inline void opening_free(opening_t *opening) {
  remove_tree(opening->folder);
  for (size_t i = 0; i < opening->option_count; i++) free((char *)opening->options[i].value);
  free(opening->url);
  free(opening->root);
}

#endif
