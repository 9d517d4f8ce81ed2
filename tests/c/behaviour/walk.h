/*
 * The step list: a walk over all pages, compared with the lines below it.
 */
#ifndef TESTS_C_BEHAVIOUR_WALK_H
#define TESTS_C_BEHAVIOUR_WALK_H

#include "checks.h"

/* A walk over the pages of one list, and the lines that say what it must find. */
typedef struct walk {
  const line_t     *line;
  blobferry_list_t *list;
  const line_t     *wanted;
  size_t            wanted_count;
  size_t            found;
  uint64_t          pages;
  char             *last_key;
} walk_t;

static inline void check_entry_shape(const run_t *run, walk_t *walk, const blobferry_entry_t *entry) {
  bool prefix = (entry->flags & BLOBFERRY_ENTRY_PREFIX) != 0;
  if (entry->key_size != strlen(entry->key))
    fail_at(run, walk->line, "key_size is %zu: %s", entry->key_size, entry->key);
  if ((entry->flags & ~BLOBFERRY_ENTRY_PREFIX) != 0)
    fail_at(run, walk->line, "%s has flags %u", entry->key, entry->flags);
  if (entry->reserved_flags != 0 || entry->reserved[0] != 0 || entry->reserved[1] != 0)
    fail_at(run, walk->line, "%s has a reserved word set", entry->key);
  if (!prefix) check_modified(run, walk->line, entry->last_modified_ns, false);
  if (prefix && (entry->size != 0 || entry->last_modified_ns != BLOBFERRY_TIME_UNKNOWN || entry->revision != NULL))
    fail_at(run, walk->line, "the prefix %s has a size, a time or a revision", entry->key);
  if (walk->last_key != NULL && strcmp(walk->last_key, entry->key) >= 0)
    fail_at(run, walk->line, "%s comes after %s", entry->key, walk->last_key);
  free(walk->last_key);
  walk->last_key = must_have(strdup(entry->key));
}

static inline void check_entry(const run_t *run, walk_t *walk, const blobferry_entry_t *entry) {
  check_entry_shape(run, walk, entry);
  if (walk->found >= walk->wanted_count) {
    fail_at(run, walk->line, "an entry too many: %s", entry->key);
    return;
  }
  const line_t *line = &walk->wanted[walk->found++];
  words_t       words = words_of(line);
  char         *key = key_of(run, false, words.at[1], line);
  bool          prefix = strcmp(words.at[0], "prefix") == 0;
  if (strcmp(key, entry->key) != 0 || prefix != ((entry->flags & BLOBFERRY_ENTRY_PREFIX) != 0))
    fail_at(run, line, "the entry is %s (flags %u), wanted %s", entry->key, entry->flags, key);
  else if (!prefix && (words.count < 3 || strtoull(words.at[2], NULL, 10) != entry->size))
    fail_at(run, line, "the size is %" PRIu64, entry->size);
  if (words.count > 3) {
    if (!begins_with(words.at[3], "revision=")) unreadable(line, "not a revision");
    const char *revision = kept_revision(run, line, words.at[3] + strlen("revision="));
    if (entry->revision == NULL || strcmp(revision, entry->revision) != 0)
      fail_at(run, line, "the revision is %s, wanted %s", entry->revision ? entry->revision : NO_REVISION, revision);
  }
  free(key);
  words_free(&words);
}

/* Asks for one page; true where it came and more follow. */
static inline bool next_page(run_t *run, walk_t *walk, uint64_t page_size) {
  blobferry_request_t call = {.verb = BLOBFERRY_VERB_LIST_NEXT, .handle = walk->list};
  size_t              count = 99;
  reply_t             reply = ask(run, &call);
  const blobferry_completion_t *completion = &reply.completion;
  const blobferry_entry_t      *entries = blobferry_list_entries(walk->list, &count);
  bool ok = reply.submitted == BLOBFERRY_OK && completion->status == BLOBFERRY_OK;
  bool more = ok && (completion->flags & BLOBFERRY_COMPLETION_LAST_PAGE) == 0;
  if (!ok)
    fail_at(run, walk->line, "a page ended with %s: %s%s", blobferry_status_name(completion->status),
            blobferry_error_message(reply.error), blobferry_error_message(completion->error));
  if (completion->ticket != reply.ticket || completion->user_data != reply.user_data)
    fail_at(run, walk->line, "the ticket or the user data is another one");
  if (completion->result != count || (entries == NULL) != (count == 0))
    fail_at(run, walk->line, "the result is %" PRIu64 " with %zu entries", completion->result, count);
  if (page_size > 0 && count > page_size) fail_at(run, walk->line, "a page has %zu entries", count);
  for (size_t i = 0; entries != NULL && i < count; i++) check_entry(run, walk, &entries[i]);
  walk->pages++;
  reply_free(&reply);
  return more;
}

static inline blobferry_list_t *begin_list(run_t *run, const step_t *step, reply_t *reply) {
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;
  blobferry_list_t        *made = NULL;
  const char              *prefix = argument(step, "prefix"), *after = argument(step, "start_after");
  char                    *prefix_text = key_of(run, step->raw, prefix ? prefix : "", &step->line);
  char                    *after_text = after ? key_of(run, false, after, &step->line) : NULL;
  char                    *delimiter_text = text_argument(step, "delimiter");
  options.delimiter = delimiter_text;
  options.start_after = after_text;
  options.page_size = (uint32_t)number_argument(step, "page", 0);
  reply->submitted = blobferry_list_new(run->store, prefix_text, &options, &made, &reply->error);
  free(prefix_text);
  free(after_text);
  free(delimiter_text);
  return made;
}

static inline void walk_list(run_t *run, const step_t *step) {
  size_t   wanted_count = step->below_count;
  walk_t   walk = {&step->line, NULL, step->below, wanted_count, 0, 0, NULL};
  uint64_t page_size = number_argument(step, "page", 0);
  reply_t  reply;
  begin_reply(run, &reply);
  walk.list = begin_list(run, step, &reply);
  if (run->lacking || step->refused) {
    check_refused(run, step, &reply, run->lacking ? BLOBFERRY_E_UNSUPPORTED : status_of(step));
  } else if (reply.submitted != BLOBFERRY_OK) {
    fail_at(run, &step->line, "no list: %s", blobferry_error_message(reply.error));
  } else {
    while (next_page(run, &walk, page_size) && walk.pages < wanted_count + 3) continue;
    if (walk.pages > wanted_count + 2) fail_at(run, &step->line, "the last page does not come");
    uint64_t pages = walk.pages;
    if (wish(step, "pages") != NULL && pages != number(step, wish(step, "pages")))
      fail_at(run, &step->line, "there are %" PRIu64 " pages", pages);
    if (next_page(run, &walk, page_size)) fail_at(run, &step->line, "the page after the last is not a last one");
    for (size_t i = walk.found; i < wanted_count; i++) fail_at(run, &step->below[i], "the entry is missing");
  }
  free(walk.last_key);
  blobferry_list_free(walk.list);
  reply_free(&reply);
}

/* Every key below the prefix of the case, with size and revision: what a refused step must not change. */
static inline char *snapshot(run_t *run, const line_t *line) {
  growing_t         text = {NULL, 0};
  blobferry_list_t *keys = NULL;
  blobferry_error_t *error = NULL;
  grow(&text, '\n');
  blobferry_status_t status = blobferry_list_new(run->store, run->prefix, NULL, &keys, &error);
  must(status, error, line->text);
  bool more = true;
  for (int pages = 0; more && pages < 1000; pages++) {
    size_t count = 0;
    status = blobferry_list_next(keys, run->cq, NULL, 0, NULL, &error);
    must(status, error, line->text);
    blobferry_completion_t completion = wait_one(run->cq);
    must(completion.status, completion.error, line->text);
    more = (completion.flags & BLOBFERRY_COMPLETION_LAST_PAGE) == 0;
    const blobferry_entry_t *entries = blobferry_list_entries(keys, &count);
    for (size_t i = 0; i < count; i++) {
      char rest[256];
      for (const char *byte = entries[i].key; *byte; byte++) grow(&text, *byte);
      snprintf(rest, sizeof rest, " %" PRIu64 " %s\n", entries[i].size, entries[i].revision ? entries[i].revision : "");
      for (const char *byte = rest; *byte; byte++) grow(&text, *byte);
    }
    dispose(&completion);
  }
  blobferry_list_free(keys);
  return text.text;
}

#endif
