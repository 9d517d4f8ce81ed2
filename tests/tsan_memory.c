/*
 * The names under which rustc's ThreadSanitizer calls memcpy and its kin, which
 * gcc's runtime does not have. Compiled with -fsanitize=thread -fno-builtin, so
 * that each call is one that the runtime sees.
 */
#include <string.h>

void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memset(void *to, int byte, size_t size);

void *__tsan_memcpy(void *to, const void *from, size_t size) {
  return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size) {
  return memmove(to, from, size);
}

void *__tsan_memset(void *to, int byte, size_t size) {
  return memset(to, byte, size);
}
