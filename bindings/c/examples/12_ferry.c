/*
 * The main job: real files, from nothing to hundreds of MiB, are put into a
 * store, listed, and read back into memory of the caller, whole and in ranges,
 * many at once. Every byte is verified. At the end stands a table of what each
 * step took.
 *
 *   usage: 12_ferry [FOLDER or URL of a store] [option=value ...]
 *
 * Without an argument the store is a temporary folder, removed at the end. In a
 * store that was given the objects stay, below ferry/ (or ferry-small/ with
 * BLOBFERRY_DEMO_SMALL=1, which makes the demo quick).
 *
 * ferry_files.h makes the files; ferry_report.h keeps the clocks and the table.
 */
#define _GNU_SOURCE
#include <blobferry.h>

#include <errno.h>

#include "ferry_files.h"
#include "ferry_report.h"

/* The most requests under way at once; what the library makes of one large request is its own affair. */
enum { CREDITS = 64, BATCH = 32, MAX_OPTIONS = 32 };

typedef struct ferry {
  const char          *prefix; /* of every key */
  blobferry_service_t *service;
  blobferry_cq_t      *cq;
  blobferry_store_t   *store;
  source_file_t        files[FILES];
} ferry_t;

/* One request to be made: bytes of a file, to or from memory of ours. */
typedef struct job {
  const source_file_t *file;
  uint64_t             offset, size;
  uint8_t             *buffer;
} job_t;

typedef blobferry_status_t (*submit_fn)(const ferry_t *ferry, const job_t *job, uint64_t user_data,
                                        blobferry_error_t **error_out);

/* Removed when the program ends, however it ends. */
static char source_folder[PATH_MAX], store_folder[PATH_MAX];

static void remove_folders(void) {
  remove_folder(source_folder);
  remove_folder(store_folder);
}

/* Ends the program with the error's message, unless all is well. It takes the error's place, not its value: in
 * must(call(..., &error), error) the compiler may read `error` before the call has set it. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "\n%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1);
}

/* -- many requests at once ------------------------------------------------------------------------ */

static void key_of(const ferry_t *ferry, const source_file_t *file, char key[96]) {
  snprintf(key, 96, "%s%s", ferry->prefix, file->name);
}

static blobferry_status_t submit_put(const ferry_t *ferry, const job_t *job, uint64_t user_data,
                                     blobferry_error_t **error_out) {
  char key[96];
  key_of(ferry, job->file, key);
  return blobferry_object_put(ferry->store, ferry->cq, key, job->buffer, job->size, NULL, user_data, NULL, error_out);
}

static blobferry_status_t submit_get(const ferry_t *ferry, const job_t *job, uint64_t user_data,
                                     blobferry_error_t **error_out) {
  char                    key[96];
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  key_of(ferry, job->file, key);
  options.offset = job->offset;
  options.length = job->size;
  return blobferry_object_get(ferry->store, ferry->cq, key, job->buffer, job->size, &options, user_data, NULL,
                              error_out);
}

/* Takes some completions, waiting for the first, and adds up what they moved. Gives their number. */
static size_t take_completions(const ferry_t *ferry, const job_t *jobs, uint64_t *bytes) {
  blobferry_completion_t completions[BATCH];
  blobferry_error_t     *error = NULL;
  size_t                 count = 0;
  must(blobferry_cq_wait(ferry->cq, completions, BATCH, -1, &count, &error), &error);
  for (size_t i = 0; i < count; i++) {
    const job_t *job = &jobs[completions[i].user_data];
    must(completions[i].status, &completions[i].error);
    if (completions[i].result != job->size) {
      fprintf(stderr, "\n%s: %llu bytes moved, not %llu\n", job->file->name,
              (unsigned long long)completions[i].result, (unsigned long long)job->size);
      exit(1);
    }
    *bytes += completions[i].result;
  }
  return count;
}

/* Makes every request of `jobs`, up to CREDITS at once, and returns when all have finished. */
static step_t run(const ferry_t *ferry, const char *name, submit_fn submit, const job_t *jobs, size_t count) {
  step_t   step = step_begin(name);
  uint64_t submitted = 0, finished = 0, bytes = 0;
  step.objects = FILES;
  step.bytes = total_size(ferry->files);
  step.requests = count;
  while (finished < count) {
    while (submitted < count) {
      blobferry_error_t *error = NULL;
      blobferry_status_t status = submit(ferry, &jobs[submitted], submitted, &error);
      if (status == BLOBFERRY_E_BUSY) { /* all credits are out: completions are certain to come */
        blobferry_error_free(error);
        break;
      }
      must(status, &error);
      submitted++;
    }
    finished += take_completions(ferry, jobs, &bytes);
    step_progress(&step, finished, bytes);
  }
  step_end(&step);
  return step;
}

/* -- the steps -------------------------------------------------------------------------------------- */

static step_t make_source(ferry_t *ferry) {
  step_t step = step_begin("make files");
  step.objects = FILES;
  step.bytes = total_size(ferry->files);
  make_files(source_folder, ferry->files);
  step_end(&step);
  load_files(source_folder, ferry->files);
  return step;
}

static step_t put_all(const ferry_t *ferry) {
  job_t jobs[FILES];
  for (int i = 0; i < FILES; i++) {
    const source_file_t *file = &ferry->files[i];
    jobs[i] = (job_t){file, 0, file->size, file->data};
  }
  return run(ferry, "put", submit_put, jobs, FILES);
}

static step_t get_whole(const ferry_t *ferry) {
  job_t jobs[FILES];
  for (int i = 0; i < FILES; i++) {
    const source_file_t *file = &ferry->files[i];
    jobs[i] = (job_t){file, 0, file->size, file->back};
  }
  return run(ferry, "get whole", submit_get, jobs, FILES);
}

/* Bytes of one range: of odd size, so that the seams lie everywhere. */
static uint64_t range_size(const source_file_t *file) {
  return file->size > 4 * MIB ? 3 * MIB + 17 : file->size / 3 + 1;
}

/* Every object in ranges, each to its place in the memory of its file. The last range of a file may be short. */
static step_t get_ranges(const ferry_t *ferry) {
  size_t count = 0, i = 0;
  for (int f = 0; f < FILES; f++) count += ferry->files[f].size / range_size(&ferry->files[f]) + 1;
  job_t *jobs = calloc(count, sizeof *jobs);
  if (jobs == NULL) fail("calloc");
  for (int f = 0; f < FILES; f++) {
    const source_file_t *file = &ferry->files[f];
    for (uint64_t offset = 0; offset < file->size; offset += range_size(file)) {
      uint64_t left = file->size - offset, size = left < range_size(file) ? left : range_size(file);
      jobs[i++] = (job_t){file, offset, size, file->back + offset};
    }
  }
  step_t step = run(ferry, "get in ranges", submit_get, jobs, i);
  free(jobs);
  return step;
}

/* Checks one entry of the listing: it is one of our files, and comes after `last`, which it becomes. */
static void check_entry(const ferry_t *ferry, const blobferry_entry_t *entry, char last[96]) {
  int is_ours = 0;
  for (int i = 0; i < FILES; i++) {
    char key[96];
    key_of(ferry, &ferry->files[i], key);
    if (strcmp(key, entry->key) == 0 && entry->size == ferry->files[i].size) is_ours = 1;
  }
  if (!is_ours || strcmp(last, entry->key) >= 0) {
    fprintf(stderr, "\nthe listing has %s with %llu bytes after \"%s\": that is not what was put\n", entry->key,
            (unsigned long long)entry->size, last);
    exit(1);
  }
  snprintf(last, 96, "%s", entry->key);
}

/* Lists what was put, a page at a time: every key once, in order, with its size. */
static step_t list_all(const ferry_t *ferry) {
  step_t                   step = step_begin("list");
  blobferry_list_options_t options = BLOBFERRY_LIST_OPTIONS_INIT;
  blobferry_list_t        *list = NULL;
  blobferry_error_t       *error = NULL;
  blobferry_completion_t   completion;
  char                     last[96] = "";
  options.page_size = 20;
  must(blobferry_list_new(ferry->store, ferry->prefix, &options, &list, &error), &error);
  do {
    size_t count = 0;
    must(blobferry_list_next(list, ferry->cq, NULL, 0, NULL, &error), &error);
    must(blobferry_cq_wait(ferry->cq, &completion, 1, -1, &count, &error), &error);
    must(completion.status, &completion.error);
    step.requests++;
    const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
    for (size_t i = 0; i < count; i++) check_entry(ferry, &entries[i], last);
    step.objects += count;
  } while (!(completion.flags & BLOBFERRY_COMPLETION_LAST_PAGE));
  blobferry_list_free(list);
  step_end(&step);
  if (step.objects != FILES) {
    fprintf(stderr, "\nthe listing has %llu keys, not %d\n", (unsigned long long)step.objects, FILES);
    exit(1);
  }
  return step;
}

/* -- the store ---------------------------------------------------------------------------------------- */

/* Writes the URL of a folder, making the folder if it is missing. */
static void url_of_folder(const char *folder, char *url, size_t url_size) {
  char   path[PATH_MAX];
  size_t end = (size_t)snprintf(url, url_size, "file://");
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) fail(folder);
  if (realpath(folder, path) == NULL) fail(folder);
  for (const char *byte = path; *byte != 0 && end + 4 < url_size; byte++) {
    int plain = strchr("%?#", *byte) == NULL && *byte > ' ' && *byte < 127;
    end += (size_t)snprintf(url + end, url_size - end, plain ? "%c" : "%%%02X", (unsigned char)*byte);
  }
}

/* Opens the store that the arguments name, or a temporary folder. `url` receives its URL. */
static void open_store(ferry_t *ferry, int argc, char **argv, char *url, size_t url_size) {
  blobferry_pair_t       options[MAX_OPTIONS];
  blobferry_cq_options_t cq_options = BLOBFERRY_CQ_OPTIONS_INIT;
  blobferry_error_t     *error = NULL;
  size_t                 count = 0;
  int                    next = 1;
  if (argc > 1 && strstr(argv[1], "://") != NULL) {
    snprintf(url, url_size, "%s", argv[next++]);
  } else if (argc > 1 && strchr(argv[1], '=') == NULL) {
    url_of_folder(argv[next++], url, url_size);
  } else {
    make_folder(store_folder, "store");
    url_of_folder(store_folder, url, url_size);
  }
  for (; next < argc && count < MAX_OPTIONS; next++) {
    char *equals = strchr(argv[next], '=');
    if (equals == NULL) {
      fprintf(stderr, "%s is not an option=value\n", argv[next]);
      exit(2);
    }
    *equals = 0;
    options[count++] = (blobferry_pair_t){argv[next], equals + 1};
  }
  cq_options.capacity = CREDITS;
  must(blobferry_service_new(NULL, &ferry->service, &error), &error);
  must(blobferry_cq_new(ferry->service, &cq_options, &ferry->cq, &error), &error);
  must(blobferry_store_open(ferry->service, url, options, count, &ferry->store, &error), &error);
}

int main(int argc, char **argv) {
  static ferry_t ferry;
  const char    *small = getenv("BLOBFERRY_DEMO_SMALL");
  int            is_small = small != NULL && strcmp(small, "1") == 0;
  char           url[3 * PATH_MAX];
  step_t         steps[5];

  ferry.prefix = is_small ? "ferry-small/" : "ferry/";
  atexit(remove_folders);
  open_store(&ferry, argc, argv, url, sizeof url);
  make_folder(source_folder, "source");
  describe_files(ferry.files, is_small);
  printf("%d files of 0 bytes to %llu MiB, to and from %s\n\n", FILES,
         (unsigned long long)(ferry.files[FEW_FILES - 1].size / MIB), url);
  fflush(stdout);

  steps[0] = make_source(&ferry);
  spoil_files(ferry.files); /* this also touches the memory before the clock of a step runs */
  steps[1] = put_all(&ferry);
  steps[2] = list_all(&ferry);
  steps[3] = get_whole(&ferry);
  verify_files(ferry.files);
  spoil_files(ferry.files);
  steps[4] = get_ranges(&ferry);
  verify_files(ferry.files);

  print_steps(steps, sizeof steps / sizeof steps[0]);
  printf("\nevery byte verified, of the whole objects and of the ranges\n");
  if (*store_folder == 0) printf("the objects stay below %s in the store\n", ferry.prefix);

  blobferry_store_free(ferry.store);
  blobferry_cq_free(ferry.cq);
  blobferry_service_free(ferry.service);
  free_files(ferry.files);
  return 0;
}
