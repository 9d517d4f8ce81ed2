/* Put an object into a folder, get it back.   usage: 01_hello [URL of a store, as file:///some/folder] */
#include <blobferry.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  const char            *url = argc > 1 ? argv[1] : "file:///tmp/blobferry-hello";
  blobferry_pair_t       create = {"create", "true"}; /* make the folder if it is missing */
  blobferry_service_t   *service = NULL;
  blobferry_cq_t        *cq = NULL;
  blobferry_store_t     *store = NULL;
  blobferry_error_t     *error = NULL;
  blobferry_completion_t put = {0}, got = {0};
  uint8_t                hello[] = "Hello, ferry!", back[64];
  size_t                 count;

  int ok = blobferry_service_new(NULL, &service, &error) == BLOBFERRY_OK &&
           blobferry_cq_new(service, NULL, &cq, &error) == BLOBFERRY_OK &&
           blobferry_store_open(service, url, &create, 1, &store, &error) == BLOBFERRY_OK &&
           blobferry_object_put(store, cq, "hello.txt", hello, sizeof hello, NULL, 0, NULL, &error) == BLOBFERRY_OK &&
           blobferry_cq_wait(cq, &put, 1, -1, &count, &error) == BLOBFERRY_OK && put.status == BLOBFERRY_OK &&
           blobferry_object_get(store, cq, "hello.txt", back, sizeof back, NULL, 0, NULL, &error) == BLOBFERRY_OK &&
           blobferry_cq_wait(cq, &got, 1, -1, &count, &error) == BLOBFERRY_OK && got.status == BLOBFERRY_OK &&
           memcmp(back, hello, sizeof hello) == 0;
  printf("%s%s%s%s\n", ok ? (const char *)back : "", blobferry_error_message(error), blobferry_error_message(put.error),
         blobferry_error_message(got.error)); /* the message of no error is empty */

  blobferry_error_free(error);
  blobferry_error_free(put.error);
  blobferry_error_free(got.error);
  blobferry_store_free(store);
  blobferry_cq_free(cq);
  blobferry_service_free(service);
  return ok ? 0 : 1;
}
