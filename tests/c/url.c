/*
 * How the URL of a store is read: which are malformed, which escapes there are,
 * and that nothing of the text is dropped or changed.
 */
#include "opening.h"

static void malformed_urls_are_refused(void) {
  static const char *const urls[] = {
      "",
      " ",
      "memory",
      "memory:",
      "memory:/x",
      "memory//x",
      "memory://",
      "://x",
      ":",
      "/tmp",
      "tmp",
      "file",
      "file:",
      "file://",
      "file:tmp",
      "file:///tmp/%",
      "file:///tmp/%4",
      "file:///tmp/%zz",
      "file:///tmp/%00",
      "file://relative/path",
      "1file:///tmp",
      "fi le:///tmp",
  };
  blobferry_service_t *service = new_service();
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
    refuse(service, urls[i], NULL, 0, BLOBFERRY_E_ARGUMENT, urls[i], "");
  blobferry_service_free(service);
}

/*
 * A URL is taken as it is written. Other readers of URLs drop blanks and tabs, turn `\\` into `/` and take `..` away:
 * the store would then be another one than the text says.
 */
static void urls_that_other_readers_repair_are_refused(void) {
  static const char *const rests[] = {
      "%s\\", "%s\\x", "\\%s", "%s\t", "%s\n", "%s\r", "%s\r\n", "\t%s", "\n%s",
      "%s\x01", "\x1f%s", "%s\x7f", "%s\x1b[0m", "%s ", "%s  ", " %s",
  };
  static const char *const urls[] = {
      " file:///tmp",       "\tfile:///tmp",      "\nfile:///tmp",      "\x01" "file:///tmp", "fi\tle:///tmp",
      "file\n:///tmp",      "file:\t///tmp",      "file:/\t//tmp",      "file:///t\tmp",      "file:///t\nmp",
      "file:///t\rmp",      "file:\\\\\\tmp",     "file:\\\\/tmp",     "file://\\tmp",      "file:///tmp\\..",
      "file:///.",          "file:///..",         "file:///tmp/.",      "file:///tmp/..",     "file:///tmp/./",
      "file:///tmp/../",    "file:///tmp/../tmp", "file:///tmp/./.",    "file:///./tmp",      "file:///../tmp",
      "file:///tmp/%2e",    "file:///tmp/%2E%2e", "file:///tmp/.%2e",   "file:///%2e%2e/tmp", " memory://x",
      "\tmemory://x",       "\nmemory://x",       "\x01memory://x",     "mem\tory://x",       "memory\n://x",
      "memory:\\\\x",      "memory:/\\x",       "memory://x\ty",      "memory://x\ny",      "memory://x\\y",
  };
  static const char *const begins[] = {"file:///tmp", "memory://x"};
  blobferry_service_t     *service = new_service();
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
    refuse(service, urls[i], NULL, 0, BLOBFERRY_E_ARGUMENT, "", "");
  for (size_t begin = 0; begin < 2; begin++)
    for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
      char        url[64];
      const char *place = strstr(rests[i], "%s");
      snprintf(url, sizeof url, "%.*s%s%s", (int)(place - rests[i]), rests[i], begins[begin], place + 2);
      refuse(service, url, NULL, 0, BLOBFERRY_E_ARGUMENT, "", "");
    }
  blobferry_service_free(service);
}

/* What a URL could mean something by is no part of a name, so that no name is ever read as another. */
static void a_memory_name_with_other_parts_of_a_url_is_refused(void) {
  static const char *const names[] = {"test/",    "/test", "a/../test", "./test", "test/a",  "test?",
                                      "test?a=b", "test#", "test#a",    "a@test", "test:80", "test:",
                                      "%74est",   "te%20st", "[test]",  "te st"};
  fixture_t fixture = in_memory();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char url[64];
    snprintf(url, sizeof url, "memory://%s", names[i]);
    refuse(fixture.service, url, NULL, 0, BLOBFERRY_E_ARGUMENT, "", "");
  }
  fixture_free(&fixture);
}

/* Texts that differ are different stores: no letter is made small, none is written in another way. */
static void a_memory_name_is_taken_as_it_is_written(void) {
  static const char *const urls[] = {"memory://TEST",  "memory://Test",  "memory://test.", "memory://.test",
                                     "memory://test-", "memory://te+st", "memory://t\xc3\xa9st"};
  fixture_t one = in_memory();
  must_put(&one, "a", 1000, 1);
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
    fixture_t other = one, again = one;
    other.store = open_store(one.service, urls[i]);
    again.store = open_store(one.service, urls[i]);
    check_outcome(get(&other, "a"), BLOBFERRY_E_NOT_FOUND, "");
    must_put(&other, "a", 10, 2 + i);
    check_object(&again, "a", 10, 2 + i);
    blobferry_store_free(other.store);
    blobferry_store_free(again.store);
  }
  check_object(&one, "a", 1000, 1);
  fixture_free(&one);
}

/* The folder is there, and the text says another one: opening it would be reading half of the text. */
static void what_follows_the_path_of_a_file_url_is_not_dropped(void) {
  static const char *const tails[] = {"?", "?x", "?x=y", "#", "#x"};
  char                     folder[256], url[512];
  blobferry_service_t     *service = new_service();
  make_folder(folder);
  for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
    blobferry_error_t *error = NULL;
    snprintf(url, sizeof url, "file://%s%s", folder, tails[i]);
    blobferry_status_t status = try_open(service, url, NULL, 0, &error);
    if (status != BLOBFERRY_E_ARGUMENT && status != BLOBFERRY_E_NOT_FOUND)
      FAIL("%s: %s", url, blobferry_status_name(status));
    blobferry_error_free(error);
  }
  blobferry_service_free(service);
  remove_tree(folder);
}

static void percent_escapes_in_the_url_are_decoded(void) {
  static const char *const names[][2] = {
      {"a%20b", "a b"}, {"a%25b", "a%b"}, {"a%2520b", "a%20b"}, {"%C3%A9", "\xc3\xa9"},
      {"caf\xc3\xa9", "caf\xc3\xa9"}, {"a+b", "a+b"}, {"%41", "A"}, {"a%3Fb%23c", "a?b#c"},
      {"a%5Cb", "a\\b"}, {"%09tab%0A", "\ttab\n"}, {"%20blanks%20", " blanks "}, {"...", "..."}, {"..a", "..a"},
      {"b c", "b c"}, {"C|", "C|"}, {"a;b", "a;b"}, {"a:b@c", "a:b@c"}, {"\"<>`{}^", "\"<>`{}^"},
  };
  char folder[256];
  make_folder(folder);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char        url[600], path[600];
    struct stat what;
    snprintf(path, sizeof path, "%s/%s", folder, names[i][1]);
    if (mkdir(path, 0755) != 0) FAIL("%s: %s", path, strerror(errno));
    snprintf(url, sizeof url, "file://%s/%s", folder, names[i][0]);
    fixture_t fixture = with_url(url, NULL, 0);
    must_put(&fixture, "object", 100, i);
    check_object(&fixture, "object", 100, i);
    snprintf(path, sizeof path, "%s/%s/object", folder, names[i][1]);
    if (stat(path, &what) != 0 || what.st_size != 100) FAIL("%s: the object is not at %s", url, path);
    fixture_free(&fixture);
  }
  remove_tree(folder);
}

TESTS(TEST(malformed_urls_are_refused), TEST(urls_that_other_readers_repair_are_refused),
      TEST(a_memory_name_with_other_parts_of_a_url_is_refused), TEST(a_memory_name_is_taken_as_it_is_written),
      TEST(what_follows_the_path_of_a_file_url_is_not_dropped), TEST(percent_escapes_in_the_url_are_decoded))
