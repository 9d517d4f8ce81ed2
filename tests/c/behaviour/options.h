/*
 * The options of requests, out of the arguments of a step. What they own is kept
 * apart from them, to be freed after the submit call: options are borrowed.
 */
#ifndef TESTS_C_BEHAVIOUR_OPTIONS_H
#define TESTS_C_BEHAVIOUR_OPTIONS_H

#include "step.h"

#define MOST_PAIRS 16

static inline uint32_t details_flag(const step_t *step) {
  return has_argument(step, "details") ? BLOBFERRY_REQUEST_DETAILS : 0;
}

/* A revision or a version: `$NAME` for one that was kept, or its text. Owned; NULL where there is none. */
static inline char *kept_argument(const run_t *run, const step_t *step, const char *name, bool version) {
  const char *word = argument(step, name);
  if (word == NULL) return NULL;
  if (word[0] != '$') return decode("", word, &step->line);
  const kept_t *known = kept(run, &step->line, word + 1, strlen(word + 1));
  return must_have(strdup(version ? known->version : known->revision));
}

/* `$NAME`, the time that was kept; with `+N` or `-N` behind it so many seconds later or earlier; or `N` seconds since
 * 1970. */
static inline int64_t time_argument(const run_t *run, const step_t *step, const char *name) {
  const char *word = argument(step, name);
  char       *end = NULL;
  if (word == NULL) return BLOBFERRY_TIME_UNKNOWN;
  if (word[0] != '$') {
    int64_t seconds = strtoll(word, &end, 10);
    if (*end != '\0') unreadable(&step->line, "not a time");
    return seconds * SECOND;
  }
  size_t  size = strcspn(word + 1, "+-");
  int64_t time = kept(run, &step->line, word + 1, size)->modified_ns;
  int64_t seconds = strtoll(word + 1 + size, &end, 10);
  if (*end != '\0') unreadable(&step->line, "not a time");
  if (time == BLOBFERRY_TIME_UNKNOWN) fail_at(run, &step->line, "the time of %s is not known", word);
  return time == BLOBFERRY_TIME_UNKNOWN ? time : time + seconds * SECOND;
}

/* The conditions of get and head, and the version that they ask for. */
typedef struct conditions {
  char   *if_match, *if_none_match, *version;
  int64_t if_modified_since_ns, if_unmodified_since_ns;
} conditions_t;

#define CONDITION_ARGUMENTS " if_match= if_none_match= if_modified_since= if_unmodified_since= version= "

static inline conditions_t read_conditions(const run_t *run, const step_t *step) {
  return (conditions_t){kept_argument(run, step, "if_match", false), kept_argument(run, step, "if_none_match", false),
                        kept_argument(run, step, "version", true), time_argument(run, step, "if_modified_since"),
                        time_argument(run, step, "if_unmodified_since")};
}

static inline void conditions_free(conditions_t *conditions) {
  free(conditions->if_match);
  free(conditions->if_none_match);
  free(conditions->version);
}

#define GET_ARGUMENTS CONDITION_ARGUMENTS " offset= length= suffix part= in_flight= max_size= details "

static inline blobferry_get_options_t get_options_of(const step_t *step, const conditions_t *conditions) {
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  options.offset = number_argument(step, "offset", 0);
  options.length = number_argument(step, "length", BLOBFERRY_LENGTH_TO_END);
  options.part_size = number_argument(step, "part", 0);
  options.max_in_flight = (uint32_t)number_argument(step, "in_flight", 0);
  options.max_size = number_argument(step, "max_size", 0);
  options.if_match = conditions->if_match;
  options.if_none_match = conditions->if_none_match;
  options.if_modified_since_ns = conditions->if_modified_since_ns;
  options.if_unmodified_since_ns = conditions->if_unmodified_since_ns;
  options.version = conditions->version;
  options.flags = details_flag(step);
  if (has_argument(step, "suffix")) options.flags |= BLOBFERRY_GET_SUFFIX;
  return options;
}

static inline blobferry_head_options_t head_options_of(const step_t *step, const conditions_t *conditions) {
  blobferry_head_options_t options = BLOBFERRY_HEAD_OPTIONS_INIT;
  if (has_argument(step, "plain")) options.flags = 0;
  options.if_match = conditions->if_match;
  options.if_none_match = conditions->if_none_match;
  options.if_modified_since_ns = conditions->if_modified_since_ns;
  options.if_unmodified_since_ns = conditions->if_unmodified_since_ns;
  options.version = conditions->version;
  return options;
}

/* What is written beside the bytes: the content headers, metadata and tags. */
typedef struct labels {
  char            *content_type, *content_encoding, *content_language, *content_disposition, *cache_control;
  blobferry_pair_t metadata[MOST_PAIRS], tags[MOST_PAIRS];
  size_t           metadata_count, tag_count;
} labels_t;

#define LABEL_ARGUMENTS \
  " content_type= content_encoding= content_language= content_disposition= cache_control= meta: tag: "

/* The words `NAME:KEY=VALUE`. */
static inline size_t read_pairs(const step_t *step, const char *name, blobferry_pair_t *pairs) {
  size_t count = 0;
  for (int i = step->arguments; i < step->arrow; i++) {
    const char *word = value_of(step->words.at[i], name, ':'), *equals = word == NULL ? NULL : strchr(word, '=');
    if (word == NULL) continue;
    if (count == MOST_PAIRS || equals == NULL) unreadable(&step->line, "too many pairs, or half a one");
    char *key = decode("", word, &step->line);
    key[strcspn(key, "=")] = '\0';
    pairs[count++] = (blobferry_pair_t){key, decode("", equals + 1, &step->line)};
  }
  return count;
}

static inline labels_t read_labels(const step_t *step) {
  labels_t labels;
  memset(&labels, 0, sizeof labels);
  labels.content_type = text_argument(step, "content_type");
  labels.content_encoding = text_argument(step, "content_encoding");
  labels.content_language = text_argument(step, "content_language");
  labels.content_disposition = text_argument(step, "content_disposition");
  labels.cache_control = text_argument(step, "cache_control");
  labels.metadata_count = read_pairs(step, "meta", labels.metadata);
  labels.tag_count = read_pairs(step, "tag", labels.tags);
  return labels;
}

static inline void pairs_free(blobferry_pair_t *pairs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free((char *)pairs[i].key);
    free((char *)pairs[i].value);
  }
}

static inline void labels_free(labels_t *labels) {
  free(labels->content_type);
  free(labels->content_encoding);
  free(labels->content_language);
  free(labels->content_disposition);
  free(labels->cache_control);
  pairs_free(labels->metadata, labels->metadata_count);
  pairs_free(labels->tags, labels->tag_count);
}

static const char *const put_modes[] = {"overwrite", "create", "update", NULL};

#define PUT_ARGUMENTS LABEL_ARGUMENTS " seed= mode= if_match= details "

static inline blobferry_put_options_t put_options_of(const step_t *step, const labels_t *labels, const char *if_match) {
  blobferry_put_options_t options = BLOBFERRY_PUT_OPTIONS_INIT;
  options.mode = choice_argument(step, "mode", put_modes);
  options.if_match = if_match;
  options.content_type = labels->content_type;
  options.content_encoding = labels->content_encoding;
  options.content_language = labels->content_language;
  options.content_disposition = labels->content_disposition;
  options.cache_control = labels->cache_control;
  options.metadata_count = labels->metadata_count;
  options.metadata = labels->metadata_count > 0 ? labels->metadata : NULL;
  options.tag_count = labels->tag_count;
  options.tags = labels->tag_count > 0 ? labels->tags : NULL;
  options.flags = details_flag(step);
  return options;
}

#endif
