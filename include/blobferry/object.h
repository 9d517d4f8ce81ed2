/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_OBJECT_H
#define BLOBFERRY_OBJECT_H

/*
 * The verbs on one object. Each call queues one request and returns at once. If
 * it returns BLOBFERRY_OK, exactly one completion with `*ticket_out` reaches
 * `cq`, whatever happens. If it returns anything else, none follows and nothing
 * was lent. A completion can be taken by another thread before the submit call
 * has returned: tell requests apart by `user_data`, not by the ticket.
 *
 * cq.h has the statuses that any completion can have, besides those named here.
 */

#include "object_get.h"
#include "object_put.h"
#include "object_change.h"
#include "object_sign.h"

#endif /* BLOBFERRY_OBJECT_H */
