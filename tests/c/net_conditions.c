/*
 * Conditions and versions of a get and a head over a network: met or not, it is the
 * same whether the server minds them or not; they are judged once, at the beginning;
 * and what changes afterwards has changed, whatever was asked for.
 */
#include "server/ranges.h"
#include "server/conditions.h"

#define DATE_NS INT64_C(784887151000000000) /* A_DATE */
#define SECOND_NS INT64_C(1000000000)
#define NEVER BLOBFERRY_TIME_UNKNOWN

static const kind_t kinds[] = {HTTP, S3, AZURE, GCS};

enum { KINDS_HERE = sizeof kinds / sizeof kinds[0] };

/* A revision as a case names it. */
typedef enum which { NONE, SAME, OTHER, ANY } which_t;

static const char *revision(which_t which, kind_t kind) {
  const char *const etags[] = {NULL, AN_ETAG, ANOTHER_ETAG, "*"}, *const generations[] = {NULL, "1", "77", "*"};
  return (kind == GCS ? generations : etags)[which];
}

typedef struct condition {
  which_t            match, none_match;
  int64_t            modified, unmodified;
  blobferry_status_t status;
} condition_t;

static const condition_t conditions[] = {
    {SAME, NONE, NEVER, NEVER, BLOBFERRY_OK},
    {OTHER, NONE, NEVER, NEVER, BLOBFERRY_E_PRECONDITION},
    {ANY, NONE, NEVER, NEVER, BLOBFERRY_OK},
    {NONE, SAME, NEVER, NEVER, BLOBFERRY_E_NOT_MODIFIED},
    {NONE, OTHER, NEVER, NEVER, BLOBFERRY_OK},
    {NONE, ANY, NEVER, NEVER, BLOBFERRY_E_NOT_MODIFIED},
    {NONE, NONE, DATE_NS, NEVER, BLOBFERRY_E_NOT_MODIFIED},
    {NONE, NONE, DATE_NS - SECOND_NS, NEVER, BLOBFERRY_OK},
    {NONE, NONE, DATE_NS - 1, NEVER, BLOBFERRY_OK},
    {NONE, NONE, DATE_NS + 1, NEVER, BLOBFERRY_E_NOT_MODIFIED},
    {NONE, NONE, DATE_NS + SECOND_NS, NEVER, BLOBFERRY_E_NOT_MODIFIED},
    {NONE, NONE, 0, NEVER, BLOBFERRY_OK},
    {NONE, NONE, NEVER, DATE_NS, BLOBFERRY_OK},
    {NONE, NONE, NEVER, DATE_NS + SECOND_NS, BLOBFERRY_OK},
    {NONE, NONE, NEVER, DATE_NS - 1, BLOBFERRY_E_PRECONDITION},
    {NONE, NONE, NEVER, DATE_NS - SECOND_NS, BLOBFERRY_E_PRECONDITION},
    /* A revision says more than a time, which counts no more then. */
    {SAME, NONE, NEVER, DATE_NS - SECOND_NS, BLOBFERRY_OK},
    {OTHER, NONE, NEVER, DATE_NS + SECOND_NS, BLOBFERRY_E_PRECONDITION},
    {NONE, OTHER, DATE_NS + SECOND_NS, NEVER, BLOBFERRY_OK},
    {NONE, SAME, DATE_NS - SECOND_NS, NEVER, BLOBFERRY_E_NOT_MODIFIED},
    /* Both kinds: the one that must hold first. */
    {SAME, SAME, NEVER, NEVER, BLOBFERRY_E_NOT_MODIFIED},
    {OTHER, SAME, NEVER, NEVER, BLOBFERRY_E_PRECONDITION},
    {SAME, OTHER, NEVER, NEVER, BLOBFERRY_OK},
    {NONE, SAME, NEVER, DATE_NS - SECOND_NS, BLOBFERRY_E_PRECONDITION},
    {SAME, NONE, DATE_NS, NEVER, BLOBFERRY_E_NOT_MODIFIED},
};

enum { CONDITIONS = sizeof conditions / sizeof conditions[0] };

static blobferry_get_options_t get_options(const condition_t *condition, kind_t kind) {
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  options.if_match = revision(condition->match, kind);
  options.if_none_match = revision(condition->none_match, kind);
  options.if_modified_since_ns = condition->modified;
  options.if_unmodified_since_ns = condition->unmodified;
  options.part_size = PART;
  return options;
}

static blobferry_completion_t head_with(const fixture_t *fixture, const condition_t *condition, kind_t kind) {
  blobferry_head_options_t options = BLOBFERRY_HEAD_OPTIONS_INIT;
  blobferry_error_t       *error = NULL;
  options.if_match = revision(condition->match, kind);
  options.if_none_match = revision(condition->none_match, kind);
  options.if_modified_since_ns = condition->modified;
  options.if_unmodified_since_ns = condition->unmodified;
  blobferry_status_t submitted = blobferry_object_head(fixture->store, fixture->cq, "key", &options, 0, NULL, &error);
  return outcome_of(fixture, submitted, error);
}

static void check_condition(kind_t kind, const condition_t *condition, bool is_deaf, size_t parts) {
  keeper_t                keeper = {.object = object_of(parts * PART), .is_deaf = is_deaf};
  server_t               *server = server_start(answer_keeper, &keeper);
  fixture_t               fixture = with_server(server, kind, NO_OPTIONS);
  blobferry_get_options_t options = get_options(condition, kind);
  bool                    is_met = condition->status == BLOBFERRY_OK;
  check_outcome(get_and_compare(&fixture, parts * PART, &options, parts * PART, 1), condition->status, "");
  if (is_met) check_requests(server, parts);
  else CHECK(server_requests(server) <= 2); /* a 412 may also mean that nothing is there */
  if (parts == 1) check_outcome(head_with(&fixture, condition, kind), condition->status, "");
  if (has_failed_here())
    fprintf(stderr, "    (%s, condition %td, %s server, %zu parts)\n", kind_names[kind], condition - conditions,
            is_deaf ? "deaf" : "minding", parts);
  fixture_free(&fixture);
  server_free(server);
  beat();
}

static void a_condition_is_met_or_not(void) {
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < CONDITIONS; i++)
      for (int deaf = 0; deaf < 2; deaf++) {
        watch(__func__);
        check_condition(kinds[k], &conditions[i], deaf != 0, 1);
        if (conditions[i].status == BLOBFERRY_OK) check_condition(kinds[k], &conditions[i], deaf != 0, 4);
      }
}

/* -- what goes over the wire ----------------------------------------------------------------------------- */

#define A_SECOND_LATER "Tue, 15 Nov 1994 08:12:32 GMT"

/*
 * One condition is sent, the first that is given; the others are for us to judge. A time that must not have passed is
 * sent a second later: a server may compare more exactly than it tells.
 */
static const struct {
  condition_t condition;
  const char *field, *value, *google_field; /* value of gs: a generation */
} sent[] = {
    {{SAME, OTHER, 1, DATE_NS, BLOBFERRY_OK}, "if-match", AN_ETAG, "x-goog-if-generation-match"},
    {{NONE, OTHER, 1, DATE_NS, BLOBFERRY_OK}, "if-unmodified-since", A_SECOND_LATER, NULL},
    {{NONE, OTHER, 1, NEVER, BLOBFERRY_OK}, "if-none-match", ANOTHER_ETAG, "x-goog-if-generation-not-match"},
    {{NONE, NONE, DATE_NS - SECOND_NS, NEVER, BLOBFERRY_OK},
     "if-modified-since",
     "Tue, 15 Nov 1994 08:12:30 GMT",
     NULL},
    {{ANY, NONE, NEVER, NEVER, BLOBFERRY_OK}, NULL, NULL, NULL},
};

enum { SENT = sizeof sent / sizeof sent[0] };

static void check_condition_sent(const record_t *record, kind_t kind, size_t which) {
  static const char *const fields[] = {"if-match",
                                       "if-none-match",
                                       "if-modified-since",
                                       "if-unmodified-since",
                                       "x-goog-if-generation-match",
                                       "x-goog-if-generation-not-match"};
  bool                     is_google = kind == GCS && sent[which].google_field != NULL;
  const char              *wanted = is_google ? sent[which].google_field : sent[which].field;
  const char              *value = !is_google ? sent[which].value : which == 0 ? "1" : "77";
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    const char *said = record_header(record, fields[i]);
    if (wanted != NULL && strcmp(fields[i], wanted) == 0) CHECK_TEXT(said, value);
    else if (said != NULL) FAIL("%s: %s is sent, too", fields[i], said);
  }
}

/* Asked for again it is the same request; behind it all is of the state that it has found. */
static void one_condition_is_sent_with_the_first_request(void) {
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t which = 0; which < SENT; which++) {
      watch(__func__);
      keeper_t                keeper = {.object = object_of(5 * PART), .failures = 1};
      server_t               *server = server_start(answer_keeper, &keeper);
      fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
      blobferry_get_options_t options = get_options(&sent[which].condition, kinds[k]);
      const record_t         *record;
      check_outcome(get_and_compare(&fixture, 5 * PART, &options, 5 * PART, 1), BLOBFERRY_OK, "");
      check_requests(server, 6);
      for (size_t i = 0; (record = server_record(server, i)) != NULL; i++) {
        if (i < 2) check_condition_sent(record, kinds[k], which);
        else CHECK_TEXT(record_header(record, "if-match"), AN_ETAG);
        if (i >= 2) CHECK(!record_header(record, "if-none-match") && !record_header(record, "if-modified-since"));
        if (i >= 2) CHECK(!record_header(record, "if-unmodified-since"));
      }
      check_outcome(head_with(&fixture, &sent[which].condition, kinds[k]), BLOBFERRY_OK, "");
      if ((record = server_record(server, 6)) != NULL) check_condition_sent(record, kinds[k], which);
      if (has_failed_here()) fprintf(stderr, "    (%s, %zu)\n", kind_names[kinds[k]], which);
      fixture_free(&fixture);
      server_free(server);
    }
}

/* A second later is too late: what the server let pass is told by us. */
static void a_second_more_is_looked_at(void) {
  static const condition_t half_a_second_before = {NONE, NONE, NEVER, DATE_NS - SECOND_NS / 2, BLOBFERRY_OK};
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    keeper_t  keeper = {.object = object_of(PART)};
    server_t *server = server_start(answer_keeper, &keeper);
    fixture_t fixture = with_server(server, kinds[k], NO_OPTIONS);
    check_outcome(head_with(&fixture, &half_a_second_before, kinds[k]), BLOBFERRY_E_PRECONDITION, "");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* 412 may also say that nothing is there: it is looked whether there is. */
static void answer_nothing_there(exchange_t *exchange, void *unused) {
  (void)unused;
  reply(exchange, header(exchange, "if-match") || header(exchange, "x-goog-if-generation-match") ? 412 : 404, "", "");
}

static void what_is_not_there_is_not_found(void) {
  static const condition_t at_one = {SAME, NONE, NEVER, NEVER, BLOBFERRY_OK};
  for (size_t k = 0; k < KINDS_HERE; k++) {
    watch(__func__);
    server_t               *server = server_start(answer_nothing_there, NULL);
    fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
    blobferry_get_options_t options = get_options(&at_one, kinds[k]);
    check_outcome(get_and_compare(&fixture, PART, &options, PART, 1), BLOBFERRY_E_NOT_FOUND, "");
    check_outcome(head_with(&fixture, &at_one, kinds[k]), BLOBFERRY_E_NOT_FOUND, "");
    check_requests(server, 4);
    fixture_free(&fixture);
    server_free(server);
  }
}

/* Of all times that there can be, none is more than a condition. */
static void no_time_is_too_far(void) {
  static const int64_t times[] = {INT64_MAX, INT64_MIN + 1, -1, 1};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
      watch(__func__);
      condition_t modified = {NONE, NONE, times[i], NEVER, i == 0 ? BLOBFERRY_E_NOT_MODIFIED : BLOBFERRY_OK};
      condition_t unmodified = {NONE, NONE, NEVER, times[i], i == 0 ? BLOBFERRY_OK : BLOBFERRY_E_PRECONDITION};
      keeper_t    keeper = {.object = object_of(PART), .is_deaf = true};
      server_t   *server = server_start(answer_keeper, &keeper);
      fixture_t   fixture = with_server(server, kinds[k], NO_OPTIONS);
      check_outcome(head_with(&fixture, &modified, kinds[k]), modified.status, "");
      check_outcome(head_with(&fixture, &unmodified, kinds[k]), unmodified.status, "");
      if (has_failed_here()) fprintf(stderr, "    (%s, %lld ns)\n", kind_names[kinds[k]], (long long)times[i]);
      fixture_free(&fixture);
      server_free(server);
    }
}

static void no_revision_ends_its_field(void) {
  static const char *const evil[] = {"a\r\nx-evil: 1", "a\nb", "\x01", "\xFF"};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
      for (int which = 0; which < 3; which++) {
        watch(__func__);
        blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
        keeper_t                keeper = {.object = object_of(PART)};
        server_t               *server = server_start(answer_keeper, &keeper);
        fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
        if (which == 0) options.if_match = evil[i];
        if (which == 1) options.if_none_match = evil[i];
        if (which == 2) options.version = evil[i];
        got_t got = get_with(&fixture, "key", PART, &options);
        CHECK(refused(&got.completion));
        CHECK(got.completion.status == BLOBFERRY_E_ARGUMENT || got.completion.status == BLOBFERRY_E_UNSUPPORTED);
        if (has_failed_here()) fprintf(stderr, "    (%s, text %zu at %d)\n", kind_names[kinds[k]], i, which);
        got_free(&got);
        check_requests(server, 0);
        fixture_free(&fixture);
        server_free(server);
      }
}

/* -- servers that tell little ----------------------------------------------------------------------------------- */

/* Where nothing tells one state from another, none can be said to be the one that was asked for. */
static void without_a_revision_none_is_the_one(void) {
  static const struct {
    const char *etag, *match;
  } cases[] = {{NULL, AN_ETAG}, {"W/" AN_ETAG, AN_ETAG}, {"W/" AN_ETAG, "W/" ANOTHER_ETAG}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (int deaf = 0; deaf < 2; deaf++) {
      watch(__func__);
      blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
      keeper_t                keeper = {.object = object_of(PART), .is_deaf = deaf != 0};
      keeper.object.etag = cases[i].etag;
      server_t *server = server_start(answer_keeper, &keeper);
      fixture_t fixture = with_server(server, HTTP, NO_OPTIONS);
      options.if_match = cases[i].match;
      check_outcome(get_and_compare(&fixture, PART, &options, PART, 1), BLOBFERRY_E_PRECONDITION, "");
      options.if_match = NULL;
      options.if_none_match = ANOTHER_ETAG;
      check_outcome(get_and_compare(&fixture, PART, &options, PART, 1), BLOBFERRY_OK, "");
      if (has_failed_here()) fprintf(stderr, "    (case %zu, %s)\n", i, deaf ? "deaf" : "minding");
      fixture_free(&fixture);
      server_free(server);
    }
}

static void a_weak_revision_is_one_as_it_was_told(void) {
  for (int deaf = 0; deaf < 2; deaf++) {
    watch(__func__);
    blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
    keeper_t                keeper = {.object = object_of(PART), .is_deaf = deaf != 0};
    keeper.object.etag = "W/" AN_ETAG;
    server_t *server = server_start(answer_keeper, &keeper);
    fixture_t fixture = with_server(server, HTTP, NO_OPTIONS);
    options.if_none_match = "W/" AN_ETAG;
    check_outcome(get_and_compare(&fixture, PART, &options, PART, 1), BLOBFERRY_E_NOT_MODIFIED, "");
    /* It is the revision that was told: what was told is what is taken. */
    options.if_none_match = NULL;
    options.if_match = "W/" AN_ETAG;
    check_outcome(get_and_compare(&fixture, PART, &options, PART, 1), BLOBFERRY_OK, "");
    if (has_failed_here()) fprintf(stderr, "    (a %s server)\n", deaf ? "deaf" : "minding");
    fixture_free(&fixture);
    server_free(server);
  }
}

/* -- in between ------------------------------------------------------------------------------------------------- */

/* What changes after the condition was judged has changed, and no condition has failed. */
static void a_change_in_between_is_no_condition(void) {
  static const condition_t met[] = {{SAME, NONE, NEVER, NEVER, BLOBFERRY_OK},
                                    {NONE, OTHER, NEVER, NEVER, BLOBFERRY_OK},
                                    {NONE, NONE, DATE_NS - SECOND_NS, NEVER, BLOBFERRY_OK},
                                    {NONE, NONE, NEVER, DATE_NS, BLOBFERRY_OK}};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < 4; i++)
      for (int deaf = 0; deaf < 2; deaf++)
        for (int cut = 0; cut < 2; cut++) {
          watch(__func__);
          keeper_t keeper = {.object = object_of(cut ? PART : 5 * PART),
                             .changes_at = 1,
                             .is_deaf = deaf != 0,
                             .cut = cut ? PART / 2 : 0};
          keeper.after = (object_t){keeper.object.size, 2, ANOTHER_ETAG, ANOTHER_DATE};
          server_t               *server = server_start(answer_keeper, &keeper);
          fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
          blobferry_get_options_t options = get_options(&met[i], kinds[k]);
          size_t                  size = (size_t)keeper.object.size;
          check_outcome(get_and_compare(&fixture, size, &options, size, 1), BLOBFERRY_E_CHANGED, "");
          if (has_failed_here())
            fprintf(stderr, "    (%s, condition %zu, %s, %s)\n", kind_names[kinds[k]], i, deaf ? "deaf" : "minding",
                    cut ? "resumed" : "in parts");
          fixture_free(&fixture);
          server_free(server);
        }
}

/* What breaks off goes on where it was, and the condition is not judged again. */
static void what_is_resumed_is_not_judged_again(void) {
  static const condition_t met[] = {{NONE, OTHER, NEVER, DATE_NS, BLOBFERRY_OK}, {SAME, NONE, 0, NEVER, BLOBFERRY_OK}};
  for (size_t k = 0; k < KINDS_HERE; k++)
    for (size_t i = 0; i < 2; i++) {
      watch(__func__);
      keeper_t                keeper = {.object = object_of(PART), .cut = PART / 2};
      server_t               *server = server_start(answer_keeper, &keeper);
      fixture_t               fixture = with_server(server, kinds[k], NO_OPTIONS);
      blobferry_get_options_t options = get_options(&met[i], kinds[k]);
      uint64_t                first = 0, last;
      check_outcome(get_and_compare(&fixture, PART, &options, PART, 1), BLOBFERRY_OK, "");
      check_requests(server, 2);
      const record_t *record = server_record(server, 1);
      if (record != NULL) {
        record_range(record, &first, &last);
        CHECK_INT(first, PART / 2);
        CHECK(record_header(record, "if-none-match") == NULL && record_header(record, "if-modified-since") == NULL);
      }
      fixture_free(&fixture);
      server_free(server);
    }
}

/* -- versions ---------------------------------------------------------------------------------------------------- */

static const char *const version_names[KINDS] = {[S3] = "versionId", [AZURE] = "versionid", [GCS] = "generation"};

/* Each request must name the version, once. */
static void check_version(server_t *server, kind_t kind, const char *version, size_t requests) {
  const record_t *record;
  char            wanted[32], value[64];
  snprintf(wanted, sizeof wanted, "%s=", version_names[kind]);
  check_requests(server, requests);
  for (size_t i = 0; (record = server_record(server, i)) != NULL; i++) {
    const char *first = strstr(record->target, wanted);
    if (first == NULL || strstr(first + 1, wanted) != NULL) FAIL("request %zu: %s", i, record->target);
    else if (record_query(record, version_names[kind], value, sizeof value)) CHECK_TEXT(value, version);
  }
}

static void a_version_goes_along_with_every_part(void) {
  static const struct {
    kind_t      kind;
    const char *version;
  } cases[] = {{S3, "3HL4kqtJvjVBH40Nrjfkd"}, {S3, "a&b=c d+%41"}, {AZURE, "2026-11-21T19:44:34.1234567Z"}, {GCS, "1"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    watch(__func__);
    keeper_t                keeper = {.object = object_of(5 * PART), .failures = 1, .cut = PART / 2};
    server_t               *server = server_start(answer_keeper, &keeper);
    fixture_t               fixture = with_server(server, cases[i].kind, NO_OPTIONS);
    blobferry_get_options_t options = range_of(0, BLOBFERRY_LENGTH_TO_END);
    CHECK(blobferry_store_capabilities(fixture.store) & BLOBFERRY_CAN_VERSION);
    options.version = cases[i].version;
    check_outcome(get_and_compare(&fixture, 5 * PART, &options, 5 * PART, 1), BLOBFERRY_OK, "");
    check_version(server, cases[i].kind, cases[i].version, 7);
    if (has_failed_here()) fprintf(stderr, "    (%s, %s)\n", kind_names[cases[i].kind], cases[i].version);
    fixture_free(&fixture);
    server_free(server);
  }
}

static void a_version_goes_along_with_a_head(void) {
  static const kind_t with_versions[] = {S3, AZURE, GCS};
  for (size_t k = 0; k < 3; k++)
    for (int exists = 0; exists < 2; exists++) {
      watch(__func__);
      blobferry_head_options_t options = BLOBFERRY_HEAD_OPTIONS_INIT;
      blobferry_error_t       *error = NULL;
      keeper_t                 keeper = {.object = object_of(PART), .failures = 1};
      server_t                *server = server_start(answer_keeper, &keeper);
      fixture_t                fixture = with_server(server, with_versions[k], NO_OPTIONS);
      options.version = "1";
      blobferry_status_t submitted = (exists ? blobferry_object_exists : blobferry_object_head)(
          fixture.store, fixture.cq, "key", &options, 0, NULL, &error);
      check_outcome(outcome_of(&fixture, submitted, error), BLOBFERRY_OK, "");
      check_version(server, with_versions[k], "1", 2);
      fixture_free(&fixture);
      server_free(server);
    }
}

TESTS(TEST(a_condition_is_met_or_not), TEST(one_condition_is_sent_with_the_first_request),
      TEST(a_second_more_is_looked_at), TEST(what_is_not_there_is_not_found), TEST(no_time_is_too_far),
      TEST(no_revision_ends_its_field), TEST(without_a_revision_none_is_the_one),
      TEST(a_weak_revision_is_one_as_it_was_told), TEST(a_change_in_between_is_no_condition),
      TEST(what_is_resumed_is_not_judged_again), TEST(a_version_goes_along_with_every_part),
      TEST(a_version_goes_along_with_a_head))
