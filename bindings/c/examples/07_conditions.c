/*
 * Puts with a condition, so that two writers do not undo each other's work:
 * create what is not there, update what is still as it was read. And what an
 * object carries beside its bytes: a content type and metadata.
 *
 *   usage: 07_conditions [URL of a store]
 */
#include <blobferry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char KEY[] = "conditions/counter";

/* Ends the program with the error's message, unless all is well. It takes the error's place, not its value: in
 * must(call(..., &error), error) the compiler may read `error` before the call has set it. */
static void must(blobferry_status_t status, blobferry_error_t *const *error) {
  if (status == BLOBFERRY_OK) return;
  fprintf(stderr, "%s: %s\n", blobferry_status_name(status), blobferry_error_message(*error));
  exit(1);
}

static void expect(blobferry_status_t got, blobferry_status_t wanted, const char *what) {
  printf("%-46s %s\n", what, blobferry_status_name(got));
  if (got != wanted) exit(1);
}

static blobferry_completion_t wait_one(blobferry_cq_t *cq) {
  blobferry_completion_t completion;
  blobferry_error_t     *error = NULL;
  size_t                 count = 0;
  must(blobferry_cq_wait(cq, &completion, 1, -1, &count, &error), &error);
  return completion;
}

/* Puts a text and gives how that ended. `revision_out`, if not NULL, receives an owned copy of the new revision. */
static blobferry_status_t put_text(blobferry_store_t *store, blobferry_cq_t *cq, const char *text,
                                   blobferry_put_options_t options, char **revision_out) {
  blobferry_error_t *error = NULL;
  options.flags = BLOBFERRY_REQUEST_DETAILS; /* the completion is to bring the new revision */
  must(blobferry_object_put(store, cq, KEY, (const uint8_t *)text, strlen(text), &options, 0, NULL, &error), &error);
  blobferry_completion_t completion = wait_one(cq);
  if (completion.status == BLOBFERRY_OK && revision_out != NULL) {
    const char *revision = blobferry_details_revision(completion.details); /* a view: it ends with the details */
    *revision_out = malloc(strlen(revision) + 1);
    if (*revision_out == NULL) exit(1);
    strcpy(*revision_out, revision);
  }
  if (completion.error != NULL) printf("  (%s)\n", blobferry_error_message(completion.error));
  blobferry_error_free(completion.error);
  blobferry_details_free(completion.details);
  return completion.status;
}

/* Shows what head tells of the object. */
static void show(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_error_t *error = NULL;
  size_t             pairs = 0;
  must(blobferry_object_head(store, cq, KEY, NULL, 0, NULL, &error), &error);
  blobferry_completion_t completion = wait_one(cq);
  must(completion.status, &completion.error);
  const char             *type = blobferry_details_content_type(completion.details);
  const blobferry_pair_t *metadata = blobferry_details_metadata(completion.details, &pairs);
  printf("%s: %llu bytes, %s", KEY, (unsigned long long)completion.result, type ? type : "no content type");
  for (size_t i = 0; i < pairs; i++) printf(", %s = %s", metadata[i].key, metadata[i].value);
  printf("\n");
  blobferry_details_free(completion.details);
}

/* Create and update on a store that can do both. */
static void conditions(blobferry_store_t *store, blobferry_cq_t *cq) {
  blobferry_pair_t        metadata[] = {{"author", "first writer"}, {"unit", "ferries"}};
  blobferry_put_options_t create = BLOBFERRY_PUT_OPTIONS_INIT, update = BLOBFERRY_PUT_OPTIONS_INIT;
  char                   *read = NULL, *written = NULL;
  create.mode = BLOBFERRY_PUT_CREATE;
  create.content_type = "text/plain";
  create.metadata = metadata;
  create.metadata_count = 2;
  expect(put_text(store, cq, "1", create, &read), BLOBFERRY_OK, "create where nothing is");
  expect(put_text(store, cq, "one", create, NULL), BLOBFERRY_E_EXISTS, "create again");
  show(store, cq);

  /* Two writers have read revision `read`. The first to write wins; the other is told, and reads again. */
  update.mode = BLOBFERRY_PUT_UPDATE;
  update.if_match = read;
  expect(put_text(store, cq, "22", update, &written), BLOBFERRY_OK, "update of the revision read");
  expect(put_text(store, cq, "two", update, NULL), BLOBFERRY_E_PRECONDITION, "update of the same revision, now old");
  update.if_match = written;
  expect(put_text(store, cq, "333", update, NULL), BLOBFERRY_OK, "update of the revision after it");
  show(store, cq);
  free(read);
  free(written);
}

int main(int argc, char **argv) {
  const uint64_t needed = BLOBFERRY_CAN_PUT_CREATE | BLOBFERRY_CAN_PUT_UPDATE | BLOBFERRY_CAN_CONTENT_TYPE |
                          BLOBFERRY_CAN_METADATA;
  blobferry_service_t *service = NULL;
  blobferry_cq_t      *cq = NULL;
  blobferry_store_t   *store = NULL;
  blobferry_error_t   *error = NULL;

  must(blobferry_service_new(NULL, &service, &error), &error);
  must(blobferry_cq_new(service, NULL, &cq, &error), &error);
  must(blobferry_store_open(service, argc > 1 ? argv[1] : "memory://conditions", NULL, 0, &store, &error), &error);

  /* A store says what it can do; what it cannot is BLOBFERRY_E_UNSUPPORTED at the submit call. */
  if ((blobferry_store_capabilities(store) & needed) == needed) conditions(store, cq);
  else printf("this store has no conditional updates or no metadata; memory:// has both\n");

  must(blobferry_object_delete(store, cq, KEY, NULL, 0, NULL, &error), &error);
  blobferry_completion_t deleted = wait_one(cq);
  must(deleted.status, &deleted.error);

  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return 0;
}
