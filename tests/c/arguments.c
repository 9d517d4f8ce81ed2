/*
 * Arguments that are wrong: every pointer NULL, every text not UTF-8, handles that
 * do not belong together. Each call must say BLOBFERRY_E_ARGUMENT, write no output
 * and lend nothing. The table of calls is checked against the header itself:
 * BLOBFERRY_INCLUDE names the folder that holds blobferry.h (without it, include).
 * Option structs and numbers are in options.c.
 */
#include "arguments.h"

#include <ctype.h>
#include <dirent.h>

/* -- pointers -------------------------------------------------------------------------------------------- */

static void every_call_of_the_table_can_succeed(void) {
  for (size_t i = 0; i < FUNCTIONS; i++) try_with(&functions[i], NULL, NULL, BLOBFERRY_OK, "nothing wrong");
}

static void make_null(arguments_t *a, const void *place) { a->at[*(const place_t *)place] = NULL; }

static void make_null_too(arguments_t *a, const void *place) {
  a->at[ERROR_OUT] = NULL;
  make_null(a, place);
}

static void every_pointer_may_be_null_or_is_refused(void) {
  for (size_t i = 0; i < FUNCTIONS; i++)
    for (int at = 0; at < MOST_POSITIONS && functions[i].positions[at].name != NULL; at++) {
      const position_t  *position = &functions[i].positions[at];
      blobferry_status_t wanted = position->need == REQUIRED ? BLOBFERRY_E_ARGUMENT : BLOBFERRY_OK;
      char               what[64];
      snprintf(what, sizeof what, "%s NULL", position->name);
      try_with(&functions[i], make_null, &position->place, wanted, what);
      try_with(&functions[i], make_null_too, &position->place, wanted, what);
    }
}

static void make_all_null(arguments_t *a, const void *unused) {
  (void)unused;
  for (int place = 0; place < PLACES; place++) a->at[place] = NULL;
}

static void every_pointer_null_at_once(void) {
  for (size_t i = 0; i < FUNCTIONS; i++) {
    bool wrong = false;
    for (int at = 0; at < MOST_POSITIONS; at++) wrong = wrong || functions[i].positions[at].need == REQUIRED;
    try_with(&functions[i], make_all_null, NULL, wrong ? BLOBFERRY_E_ARGUMENT : BLOBFERRY_OK, "everything NULL");
  }
}

static void make_buffer_empty(arguments_t *a, const void *unused) {
  (void)unused;
  a->at[BUFFER] = NULL;
  a->size = 0;
}

static void make_count_zero(arguments_t *a, const void *unused) {
  (void)unused;
  a->at[PAIRS] = NULL;
  a->size = 0;
}

static void make_capacity_zero(arguments_t *a, const void *unused) {
  (void)unused;
  a->size = 0;
}

static void pointers_to_nothing_may_be_null(void) {
  try_with(row_of("blobferry_object_put"), make_buffer_empty, NULL, BLOBFERRY_OK, "no buffer of no bytes");
  try_with(row_of("blobferry_store_open"), make_count_zero, NULL, BLOBFERRY_OK, "no options");
  try_with(row_of("blobferry_cq_drain"), make_capacity_zero, NULL, BLOBFERRY_E_ARGUMENT, "a capacity of 0");
  try_with(row_of("blobferry_cq_wait"), make_capacity_zero, NULL, BLOBFERRY_E_ARGUMENT, "a capacity of 0");
}

/* -- texts ----------------------------------------------------------------------------------------------- */

typedef struct text_change {
  const text_place_t *place;
  const char         *text;
} text_change_t;

static void change_text(arguments_t *a, const void *how) {
  const text_change_t *change = how;
  change->place->set(a, change->text);
}

static void every_text_must_be_utf8(void) {
  static const char *const bad[] = {
      "\xff",               /* no byte of UTF-8 */
      "a\xfe/b",            /* another */
      "a\x80",              /* continues nothing */
      "\xc3",               /* cut after the first of two bytes */
      "a\xe2\x82",          /* cut after the second of three */
      "\xf0\x9f\x99",       /* cut after the third of four */
      "\xc3(",              /* two bytes, the second is none of them */
      "\xc0\xaf",           /* `/` in two bytes */
      "\xe0\x80\xaf",       /* `/` in three */
      "\xc0\x80",           /* NUL in two */
      "\xed\xa0\x80",       /* a surrogate */
      "\xed\xa0\xbd\xed\xb9\x82", /* a pair of them */
      "\xf4\x90\x80\x80",   /* beyond U+10FFFF */
      "\xf8\x88\x80\x80\x80", /* five bytes */
  };
  size_t tried = 0;
  for (size_t i = 0; i < FUNCTIONS; i++)
    for (const text_place_t *place = functions[i].texts; place->set != NULL; place++)
      for (size_t text = 0; text < sizeof bad / sizeof bad[0]; text++, tried++) {
        text_change_t change = {place, bad[text]};
        char          what[64];
        snprintf(what, sizeof what, "%s bad text %zu", place->name, text);
        try_with(&functions[i], change_text, &change, BLOBFERRY_E_ARGUMENT, what);
      }
  CHECK(tried > 100);
}

static void every_text_may_be_null_or_is_refused(void) {
  for (size_t i = 0; i < FUNCTIONS; i++)
    for (const text_place_t *place = functions[i].texts; place->set != NULL; place++) {
      text_change_t change = {place, NULL};
      try_with(&functions[i], change_text, &change, place->null_is_wrong ? BLOBFERRY_E_ARGUMENT : BLOBFERRY_OK,
               place->name);
    }
}

/* -- handles that do not belong together ----------------------------------------------------------------- */

static void use_other_queue(arguments_t *a, const void *cq) { a->at[CQ] = *(blobferry_cq_t *const *)cq; }

static void a_queue_of_another_service_is_refused(void) {
  static const char *const names[] = {"blobferry_object_get", "blobferry_object_put", "blobferry_object_head",
                                      "blobferry_object_delete", "blobferry_object_copy", "blobferry_object_rename",
                                      "blobferry_object_delete_many", "blobferry_list_next"};
  blobferry_service_t *service = new_service();
  blobferry_cq_t      *cq = new_cq(service, 4, BLOBFERRY_WAKE_NONE);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    try_with(row_of(names[i]), use_other_queue, &cq, BLOBFERRY_E_ARGUMENT, "the queue of another service");
  expect_nothing(cq, 0);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
}

static void deliver_to_nobody(void *argument, const blobferry_completion_t *completions, size_t count) {
  (void)argument, (void)completions, (void)count;
}

static void calls_that_a_queue_is_not_made_for_are_refused(void) {
  blobferry_service_t   *service = new_service();
  blobferry_cq_t        *none = new_cq(service, 4, BLOBFERRY_WAKE_NONE);
  blobferry_cq_t        *callback = new_callback_cq(service, 4, deliver_to_nobody, NULL);
  blobferry_completion_t completion;
  blobferry_error_t     *error = NULL;
  size_t                 count = 4711;
  int                    armed = 4711;
  CHECK_STATUS(blobferry_cq_arm(none, &armed, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "");
  CHECK_STATUS(blobferry_cq_arm(callback, &armed, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK_STATUS(blobferry_cq_drain(callback, &completion, 1, &count, &error), BLOBFERRY_E_ARGUMENT);
  check_error(error, BLOBFERRY_E_ARGUMENT, "callback");
  CHECK_STATUS(blobferry_cq_wait(callback, &completion, 1, 0, &count, NULL), BLOBFERRY_E_ARGUMENT);
  CHECK(count == 4711 && armed == 4711);
  CHECK_INT(blobferry_cq_fd(none), -1);
  CHECK_INT(blobferry_cq_fd(callback), -1);
  blobferry_cq_free(none);
  blobferry_cq_free(callback);
  blobferry_service_free(service);
}

/* -- the table against the header ------------------------------------------------------------------------ */

/* The last word before `end`. */
static void last_word(const char *begin, const char *end, char *word, size_t room) {
  while (end > begin && !(isalnum((unsigned char)end[-1]) || end[-1] == '_')) end--;
  const char *first = end;
  while (first > begin && (isalnum((unsigned char)first[-1]) || first[-1] == '_')) first--;
  snprintf(word, room, "%.*s", (int)(end - first), first);
}

/* Every parameter of the prototype that is a pointer must be the row's next position. */
static void check_positions(const function_t *function, const char *begin, const char *end) {
  int at = 0;
  while (begin < end) {
    const char *comma = memchr(begin, ',', (size_t)(end - begin)), *stop = comma == NULL ? end : comma;
    if (memchr(begin, '*', (size_t)(stop - begin)) != NULL) {
      char word[64];
      last_word(begin, stop, word, sizeof word);
      const char *known = at < MOST_POSITIONS && function->positions[at].name ? function->positions[at].name : "(none)";
      if (strcmp(word, known) != 0) FAIL("%s takes the pointer %s, and the table has %s", function->name, word, known);
      at++;
    }
    begin = stop + 1;
  }
  if (at < MOST_POSITIONS && function->positions[at].name != NULL)
    FAIL("%s takes no pointer %s", function->name, function->positions[at].name);
}

/* Checks the prototypes of one header, marks their rows, and gives how many there are. */
static int check_header(const char *text, bool *found) {
  int count = 0;
  for (const char *at = text; (at = strstr(at, "\nBLOBFERRY_API ")) != NULL;) {
    char        name[64];
    const char *open = strchr(++at, '('), *close = strchr(at, ';');
    if (open == NULL || close == NULL) break;
    last_word(at, open, name, sizeof name);
    const function_t *row = row_of(name);
    if (row == NULL) FAIL("%s is not in the table", name);
    else if (found[row - functions]) FAIL("%s is declared twice", name);
    else found[row - functions] = true;
    if (row != NULL) check_positions(row, open + 1, close - 1);
    count++;
  }
  return count;
}

static void the_table_has_every_function_of_the_header(void) {
  const char     *include = getenv("BLOBFERRY_INCLUDE");
  char            folder[512];
  bool            found[FUNCTIONS] = {false};
  int             count = 0;
  struct dirent **names = NULL;
  snprintf(folder, sizeof folder, "%s/blobferry", include && *include ? include : "include");
  int files = scandir(folder, &names, NULL, alphasort);
  if (files <= 0) FAIL("%s cannot be read: set BLOBFERRY_INCLUDE", folder);
  for (int i = 0; i < files; i++) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
    FILE  *file = strstr(names[i]->d_name, ".h") != NULL ? fopen(path, "r") : NULL;
    char  *text = calloc(1, 1 << 20);
    if (file != NULL && fread(text, 1, (1 << 20) - 1, file) > 0) count += check_header(text, found);
    if (file != NULL) fclose(file);
    free(text);
    free(names[i]);
  }
  free(names);
  CHECK_INT(count, FUNCTIONS);
  for (size_t i = 0; i < FUNCTIONS; i++)
    if (!found[i]) FAIL("%s is in the table and not in the header", functions[i].name);
}

TESTS(TEST(the_table_has_every_function_of_the_header), TEST(every_call_of_the_table_can_succeed),
      TEST(every_pointer_may_be_null_or_is_refused), TEST(every_pointer_null_at_once),
      TEST(pointers_to_nothing_may_be_null), TEST(every_text_must_be_utf8), TEST(every_text_may_be_null_or_is_refused),
      TEST(a_queue_of_another_service_is_refused), TEST(calls_that_a_queue_is_not_made_for_are_refused))
