/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_COMPRESSION_H
#define BLOBFERRY_COMPRESSION_H

/*
 * How readers and writers compress. The bytes that a store holds are then not the
 * bytes that a caller sees; content_encoding and the name of the key are the
 * caller's own to set.
 */

/* The bytes as they are. */
#define BLOBFERRY_COMPRESSION_NONE 0u
/* RFC 1952, as gzip(1) makes it. A reader takes several members behind each other (`cat a.gz b.gz`), and zero bytes
 * behind the last. */
#define BLOBFERRY_COMPRESSION_GZIP 1u
/* RFC 8878, as zstd(1) makes it. A reader takes several frames behind each other, with windows of 128 MiB at most and
 * no dictionary; a writer adds a checksum. */
#define BLOBFERRY_COMPRESSION_ZSTD 2u
/* RFC 1950 (zlib), which HTTP calls deflate. A reader takes RFC 1951 without a header, too. */
#define BLOBFERRY_COMPRESSION_DEFLATE 3u
/* Readers alone: gzip or zstd where the first bytes say so, else none. Deflate has no such bytes. */
#define BLOBFERRY_COMPRESSION_AUTO 4u

#endif /* BLOBFERRY_COMPRESSION_H */
