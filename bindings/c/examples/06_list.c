/*
 * Listing: a page of keys per request, in order of their bytes. A prefix says
 * where to look; a delimiter folds what lies deeper into one entry, as folders.
 *
 *   usage: 06_list [URL of a store]
 */
#include <blobferry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {
    "listing/2024/january.csv", "listing/2024/february.csv", "listing/2024/march.csv", "listing/2025/january.csv",
    "listing/2025/raw/1.bin",   "listing/2025/raw/2.bin",    "listing/index.json",     "listing/readme.txt",
};
enum { KEYS = sizeof keys / sizeof keys[0] };

/* Ends the program with the error's message, unless all is well. It takes the error's place, not its value: in
 * must(call(..., &error), error) the compiler may read `error` before the call has set it. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1);
}

static blobferry_completion_t wait_one(blobferry_cq_t *cq) {
  blobferry_completion_t completion;
  blobferry_error_t     *error = NULL;
  size_t                 count = 0;
  must(blobferry_cq_wait(cq, &completion, 1, -1, &count, &error), &error);
  must(completion.status, &completion.error);
  return completion;
}

static void check(uint64_t got, uint64_t wanted, const char *what) {
  if (got == wanted) return;
  fprintf(stderr, "there are %llu %s, not %llu\n", (unsigned long long)got, what, (unsigned long long)wanted);
  exit(1);
}

/* Prints what a listing gives, page by page, and gives the number of entries. */
static size_t print_listing(blobferry_store_t *store, blobferry_cq_t *cq, const char *prefix,
                            const blobferry_list_options_t *options) {
  blobferry_list_t      *list = NULL;
  blobferry_error_t     *error = NULL;
  blobferry_completion_t completion;
  size_t                 pages = 0, total = 0;
  must(blobferry_list_new(store, prefix, options, &list, &error), &error);
  printf("below %s%s%s:\n", prefix, options->delimiter ? " with the delimiter " : "",
         options->delimiter ? options->delimiter : "");
  do {
    must(blobferry_list_next(list, cq, NULL, 0, NULL, &error), &error);
    completion = wait_one(cq);
    printf("  page %zu\n", ++pages);

    size_t                   count = 0;
    const blobferry_entry_t *entries = blobferry_list_entries(list, &count); /* valid until the next page */
    for (size_t i = 0; i < count; i++) {
      if (entries[i].flags & BLOBFERRY_ENTRY_PREFIX) {
        printf("    %-28s  and what is below\n", entries[i].key);
      } else {
        printf("    %-28s  %llu bytes\n", entries[i].key, (unsigned long long)entries[i].size);
        check(entries[i].size, strlen(entries[i].key), "bytes");
      }
    }
    total += count;
  } while (!(completion.flags & BLOBFERRY_COMPLETION_LAST_PAGE));
  blobferry_list_free(list);
  return total;
}

int main(int argc, char **argv) {
  blobferry_service_t     *service = NULL;
  blobferry_cq_t          *cq = NULL;
  blobferry_store_t       *store = NULL;
  blobferry_error_t       *error = NULL;
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;

  must(blobferry_service_new(NULL, &service, &error), &error);
  must(blobferry_cq_new(service, NULL, &cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://list", NULL, 0, &store, &error), &error);
  for (size_t i = 0; i < KEYS; i++) {
    /* The object's content is its own key. */
    must(blobferry_object_put(store, cq, keys[i], (const uint8_t *)keys[i], strlen(keys[i]), NULL, 0, NULL, &error),
         &error);
    wait_one(cq);
  }

  options.page_size = 3; /* small, to show that there are pages; 1000 if not set */
  check(print_listing(store, cq, "listing/", &options), KEYS, "entries");

  options.delimiter = "/"; /* one level: index.json, readme.txt and the two years */
  check(print_listing(store, cq, "listing/", &options), 4, "entries");

  options.delimiter = NULL;
  options.start_after = "listing/2025/raw/1.bin"; /* go on where an earlier listing stopped */
  check(print_listing(store, cq, "listing/2025/", &options), 1, "entries");

  for (size_t i = 0; i < KEYS; i++) {
    must(blobferry_object_delete(store, cq, keys[i], NULL, 0, NULL, &error), &error);
    wait_one(cq);
  }
  options.start_after = NULL;
  check(print_listing(store, cq, "listing/", &options), 0, "entries");

  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return 0;
}
