/*
 * Uploads a folder to a prefix and downloads it again, each with one request, and
 * shows how far it is meanwhile. What is the same already is not moved again.
 *
 *   usage: 11_folders [URL of a store]
 */
#define _GNU_SOURCE /* mkdtemp */
#include <blobferry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 200 };

/* Ends the program with the error's message, unless all is well. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1);
}

static void file_name(char *name, size_t size, const char *folder, int i) {
  snprintf(name, size, "%s/file-%03d.txt", folder, i);
}

static void make_files(const char *folder) {
  char name[128];
  for (int i = 0; i < FILES; i++) {
    file_name(name, sizeof name, folder, i);
    FILE *file = fopen(name, "w");
    if (file == NULL || fprintf(file, "the file %d\n", i) < 0 || fclose(file) != 0) exit(1);
  }
}

static void remove_folder(const char *folder) {
  char name[128];
  for (int i = 0; i < FILES; i++) {
    file_name(name, sizeof name, folder, i);
    unlink(name);
  }
  snprintf(name, sizeof name, "%s/.blobferry-manifest", folder); /* what SKIP_SAME remembers */
  unlink(name);
  rmdir(folder);
}

/* Waits for the one request that is under way, looking at its report every 10 ms. */
static void watch(blobferry_cq_t *cq, const blobferry_report_t *report, const char *what) {
  blobferry_completion_t completion;
  blobferry_error_t     *error = NULL;
  blobferry_progress_t   progress = BLOBFERRY_PROGRESS_INIT;
  size_t                 count = 0;
  while (count == 0) must(blobferry_cq_wait(cq, &completion, 1, 10, &count, &error), &error);
  /* Here a program with a window would draw `progress` in each turn of the loop. */
  must(blobferry_report_progress(report, &progress), &error);
  must(completion.status, &completion.error);
  printf("%-12s %llu objects, %llu of them the same, %llu bytes moved\n", what, (unsigned long long)completion.result,
         (unsigned long long)progress.objects_skipped, (unsigned long long)progress.bytes_done);
}

static void upload(blobferry_store_t *store, blobferry_cq_t *cq, const char *folder, const char *what) {
  blobferry_folder_options_t options = BLOBFERRY_FOLDER_OPTIONS_INIT;
  blobferry_report_t        *report = NULL;
  blobferry_error_t         *error = NULL;
  options.flags = BLOBFERRY_FOLDER_SKIP_SAME;
  must(blobferry_report_new(NULL, &report, &error), &error);
  must(blobferry_folder_upload(store, cq, folder, "folders/", &options, report, 0, NULL, &error), &error);
  watch(cq, report, what);
  blobferry_report_free(report);
}

static void download(blobferry_store_t *store, blobferry_cq_t *cq, const char *folder) {
  blobferry_report_t *report = NULL;
  blobferry_error_t  *error = NULL;
  must(blobferry_report_new(NULL, &report, &error), &error);
  must(blobferry_folder_download(store, cq, "folders/", folder, NULL, report, 0, NULL, &error), &error);
  watch(cq, report, "download");
  blobferry_report_free(report);
}

/* The keys that a listing gives are those to be deleted. */
static void delete_prefix(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_list_t      *list = NULL;
  blobferry_error_t     *error = NULL;
  blobferry_completion_t completion;
  size_t                 count = 0;
  const char            *keys[FILES];
  must(blobferry_list_new(store, "folders/", NULL, &list, &error), &error);
  must(blobferry_list_next(list, cq, NULL, 0, NULL, &error), &error);
  must(blobferry_cq_wait(cq, &completion, 1, -1, &count, &error), &error);
  must(completion.status, &completion.error);
  const blobferry_entry_t *entries = blobferry_list_entries(list, &count);
  for (size_t i = 0; i < count && i < FILES; i++) keys[i] = entries[i].key;
  must(blobferry_object_delete_many(store, cq, keys, count, NULL, NULL, 0, NULL, &error), &error);
  must(blobferry_cq_wait(cq, &completion, 1, -1, &count, &error), &error);
  must(completion.status, &completion.error);
  blobferry_list_free(list);
}

int main(int argc, char **argv) {
  char                 source[] = "/tmp/blobferry-source-XXXXXX", target[] = "/tmp/blobferry-target-XXXXXX";
  blobferry_service_t *service = NULL;
  blobferry_cq_t      *cq = NULL;
  blobferry_store_t   *store = NULL;
  blobferry_error_t   *error = NULL;

  if (mkdtemp(source) == NULL || mkdtemp(target) == NULL) exit(1);
  must(blobferry_service_new(NULL, &service, &error), &error);
  must(blobferry_cq_new(service, NULL, &cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://folders", NULL, 0, &store, &error), &error);

  make_files(source);
  upload(store, cq, source, "upload");
  upload(store, cq, source, "upload again");
  download(store, cq, target);
  delete_prefix(store, cq);

  remove_folder(source);
  remove_folder(target);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return 0;
}
