/* base.h: the versions, the names of statuses and the live counts. */
#include "traffic.h"

static void the_library_is_that_of_the_header(void) {
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", BLOBFERRY_VERSION_MAJOR, BLOBFERRY_VERSION_MINOR,
           BLOBFERRY_VERSION_PATCH);
  CHECK_TEXT(BLOBFERRY_VERSION, version);
  CHECK_TEXT(blobferry_version(), version);
  CHECK_INT(blobferry_abi_version(), BLOBFERRY_ABI_VERSION);
}

static void every_status_has_its_name(void) {
#define NAMED(status) CHECK_TEXT(blobferry_status_name(status), #status)
  NAMED(BLOBFERRY_OK);
  NAMED(BLOBFERRY_E_ARGUMENT);
  NAMED(BLOBFERRY_E_UNSUPPORTED);
  NAMED(BLOBFERRY_E_BUSY);
  NAMED(BLOBFERRY_E_CLOSED);
  NAMED(BLOBFERRY_E_FORKED);
  NAMED(BLOBFERRY_E_CANCELLED);
  NAMED(BLOBFERRY_E_DEADLINE);
  NAMED(BLOBFERRY_E_NOT_FOUND);
  NAMED(BLOBFERRY_E_EXISTS);
  NAMED(BLOBFERRY_E_PRECONDITION);
  NAMED(BLOBFERRY_E_NOT_MODIFIED);
  NAMED(BLOBFERRY_E_PERMISSION);
  NAMED(BLOBFERRY_E_UNAUTHENTICATED);
  NAMED(BLOBFERRY_E_RANGE);
  NAMED(BLOBFERRY_E_TOO_SMALL);
  NAMED(BLOBFERRY_E_THROTTLED);
  NAMED(BLOBFERRY_E_TIMEOUT);
  NAMED(BLOBFERRY_E_CONNECTION);
  NAMED(BLOBFERRY_E_INTEGRITY);
  NAMED(BLOBFERRY_E_CHANGED);
  NAMED(BLOBFERRY_E_SERVER);
  NAMED(BLOBFERRY_E_NO_SPACE);
  NAMED(BLOBFERRY_E_IO);
  NAMED(BLOBFERRY_E_PANIC);
  NAMED(BLOBFERRY_E_UNKNOWN);
  const blobferry_status_t unknown[] = {1, -24, -99, -102, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
    CHECK_TEXT(blobferry_status_name(unknown[i]), "BLOBFERRY_E_UNKNOWN");
}

static blobferry_live_counts_t live(void) {
  blobferry_live_counts_t counts = BLOBFERRY_LIVE_COUNTS_INIT;
  CHECK_STATUS(blobferry_live_counts(&counts), BLOBFERRY_OK);
  return counts;
}

static void what_lives_is_counted(void) {
  uint8_t                  byte = 0;
  blobferry_service_t     *service = new_service();
  uint64_t                 threads = live().threads;
  blobferry_cq_t          *cq = new_cq(service, 8, BLOBFERRY_WAKE_NONE);
  blobferry_store_t       *store = open_store(service, "fault://base");
  CHECK(threads >= 2); /* at least one for I/O and one of the pool */
  CHECK_INT(live().handles, 3);
  blobferry_ticket_t ticket = must_get(store, cq, "never", &byte, 1, 1);
  CHECK_INT(live().requests, 1);
  CHECK_INT(live().credits, 1);
  CHECK_INT(live().leases, 1);
  must_cancel(cq, ticket);
  blobferry_completion_t completion = wait_one(cq);
  CHECK_INT(live().leases, 0);
  CHECK_INT(live().handles, 4); /* the completion's error */
  dispose(&completion);
  CHECK_INT(live().handles, 3);
  CHECK_INT(live().threads, threads);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

TESTS(TEST(the_library_is_that_of_the_header), TEST(every_status_has_its_name), TEST(what_lives_is_counted))
