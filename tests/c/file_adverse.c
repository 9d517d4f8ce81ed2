/*
 * file:// while others are at the folder, and requests of unkind shapes: folders
 * that are removed under a put, very many parts, a very large folder to pass over.
 */
#include "folder.h"
#include "traffic.h"
#include "verbs.h"

static atomic_bool removing;

static void *remove_folders(void *folder) {
  while (atomic_load(&removing)) {
    rmdir(path_in(folder, "x/y/z"));
    rmdir(path_in(folder, "x/y"));
    rmdir(path_in(folder, "x"));
    sleep_us(30); /* without a pause nothing that is made would stand long enough to be used */
  }
  return NULL;
}

static void a_put_makes_its_folders_again_when_they_are_removed(void) {
  fixture_t fixture = in_folder();
  pthread_t remover;
  long      written = 0, puts = rounds(2000);
  atomic_store(&removing, true);
  must_work(pthread_create(&remover, NULL, remove_folders, fixture.folder) == 0, "pthread_create");
  for (long i = 0; i < puts; i++) {
    blobferry_completion_t completion = put(&fixture, "x/y/z/key", 100, (uint64_t)i);
    if (completion.status == BLOBFERRY_OK) {
      written++;
      CHECK(file_is(fixture.folder, "x/y/z/key", 100, (uint64_t)i)); /* a folder that holds it stays */
    } else {
      CHECK_STATUS(completion.status, BLOBFERRY_E_IO); /* removed again and again */
      if (completion.status != BLOBFERRY_E_IO) FAIL("%s", blobferry_error_message(completion.error));
    }
    dispose(&completion);
    must_work(unlink(path_in(fixture.folder, "x/y/z/key")) == 0 || errno == ENOENT, "unlink");
  }
  atomic_store(&removing, false);
  pthread_join(remover, NULL);
  if (written <= puts / 2) FAIL("only %ld of %ld puts were done", written, puts);
  fixture_free(&fixture);
}

static void a_put_below_a_link_to_nowhere_says_so(void) {
  fixture_t fixture = in_folder();
  make_link("nowhere", fixture.folder, "link");
  check_outcome(put(&fixture, "link/key", 10, 1), BLOBFERRY_E_IO, "leads nowhere");
  check_tree(fixture.folder, "link\n");
  fixture_free(&fixture);
}

static void a_get_in_very_many_parts_is_done(void) {
  blobferry_get_options_t options = BLOBFERRY_GET_OPTIONS_INIT;
  options.part_size = 1;
  options.max_in_flight = UINT32_MAX;
  fixture_t fixtures[] = {in_folder(), in_memory()};
  for (int i = 0; i < 2; i++) {
    /* What is in memory is read at once up to 1 MiB, whatever the parts. */
    size_t size = i == 0 ? 3000 : MIB + 3000;
    options.part_size = i == 0 ? 1 : 1000;
    must_put(&fixtures[i], "key", size, 7);
    got_t got = get_with(&fixtures[i], "key", size, &options);
    CHECK_STATUS(got.completion.status, BLOBFERRY_OK);
    guarded_unlock(&got.memory);
    CHECK(pattern_is(got.memory.data, size, 7, 0));
    got_free(&got);
    fixture_free(&fixtures[i]);
  }
}

static void a_very_large_folder_is_passed_over_as_one_prefix(void) {
  fixture_t fixture = in_folder();
  make_dir(fixture.folder, "a");
  for (int i = 0; i < 40000; i++) {
    char name[32];
    snprintf(name, sizeof name, "a/%06d", i);
    write_file(fixture.folder, name, 0, 0);
  }
  write_file(fixture.folder, "b", 1, 1);
  check_keys(&fixture, "", "/", "a/\nb\n");
  fixture_free(&fixture);
}

TESTS(TEST(a_put_makes_its_folders_again_when_they_are_removed), TEST(a_put_below_a_link_to_nowhere_says_so),
      TEST(a_get_in_very_many_parts_is_done), TEST(a_very_large_folder_is_passed_over_as_one_prefix))
