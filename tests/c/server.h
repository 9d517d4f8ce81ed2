/*
 * A server of HTTP/1.1 inside the test process, whose answers a test writes as
 * it needs them, broken ones first of all.
 *
 *   static void answer(exchange_t *exchange, void *context) {
 *     if (exchange->number == 0) { reset(exchange); return; }     the first request breaks off
 *     object_answer(exchange, context);                           the next is answered well
 *   }
 *
 *   server_t *server = server_start(answer, &object);
 *   fixture_t fixture = with_server(server, S3, NO_OPTIONS);
 *   ... check_requests(server, 2);
 *   fixture_free(&fixture);
 *   server_free(server);
 *
 * It listens on a free port of 127.0.0.1. Each connection has a thread, on which
 * the function of the test is called for each request when its head has come. A
 * connection is kept alive after an answer; where the body of the request was not
 * read, or nothing was answered, it ends like finish.
 *
 *   log.h       what came: methods, targets, header fields, bytes
 *   exchange.h  the verbs of an answer: take, say, drip, stall, finish, reset, gates
 *   listen.h    start, stop, and what to ask of the log
 *   object.h    answers with an object, or a range of it
 *   bucket.h    a small S3: puts and multipart uploads (has to be included by name)
 *   stores.h    stores that are opened on a server
 *   ranges.h    gets of ranges (has to be included by name)
 *   conditions.h  an object with conditions and versions (by name)
 *   copies.h      copies and renames (by name)
 *   bulk.h        deletes of many keys (by name)
 */
#ifndef TESTS_C_SERVER_H
#define TESTS_C_SERVER_H

#include "server/exchange.h"
#include "server/listen.h"
#include "server/log.h"
#include "server/object.h"
#include "server/stores.h"

#endif
