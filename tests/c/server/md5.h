/* MD5 (RFC 1321), which S3 makes its ETags of. */
#ifndef TESTS_C_SERVER_MD5_H
#define TESTS_C_SERVER_MD5_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MD5_SIZE = 16, MD5_TEXT_SIZE = 2 * MD5_SIZE + 1 };

static inline uint32_t md5_rotate(uint32_t x, unsigned by) { return x << by | x >> (32 - by); }

static inline uint32_t md5_word(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* One block of 64 bytes. `sines` are the 64 constants of the algorithm. */
static inline void md5_block(uint32_t state[4], const uint8_t *block, const uint32_t *sines) {
  static const unsigned turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  uint32_t              a = state[0], b = state[1], c = state[2], d = state[3];
  for (unsigned i = 0; i < 64; i++) {
    uint32_t mixed;
    unsigned word;
    if (i < 16) mixed = (b & c) | (~b & d), word = i;
    else if (i < 32) mixed = (d & b) | (~d & c), word = (5 * i + 1) % 16;
    else if (i < 48) mixed = b ^ c ^ d, word = (3 * i + 5) % 16;
    else mixed = c ^ (b | ~d), word = 7 * i % 16;
    mixed += a + sines[i] + md5_word(block + 4 * word);
    a = d;
    d = c;
    c = b;
    b += md5_rotate(mixed, turns[i / 16][i % 4]);
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

static inline void md5(const uint8_t *data, size_t size, uint8_t digest[MD5_SIZE]) {
  uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}, sines[64];
  uint8_t  last[128] = {0};
  size_t   whole = size / 64 * 64, rest = size - whole, padded = rest < 56 ? 64 : 128;
  for (unsigned i = 0; i < 64; i++) sines[i] = (uint32_t)(uint64_t)(fabs(sin(i + 1.0)) * 4294967296.0);
  for (size_t at = 0; at < whole; at += 64) md5_block(state, data + at, sines);
  if (rest > 0) memcpy(last, data + whole, rest);
  last[rest] = 0x80;
  for (unsigned i = 0; i < 8; i++) last[padded - 8 + i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
  for (size_t at = 0; at < padded; at += 64) md5_block(state, last + at, sines);
  for (unsigned i = 0; i < MD5_SIZE; i++) digest[i] = (uint8_t)(state[i / 4] >> 8 * (i % 4));
}

static inline void md5_text(const uint8_t digest[MD5_SIZE], char text[MD5_TEXT_SIZE]) {
  for (unsigned i = 0; i < MD5_SIZE; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

#endif
