/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef BLOBFERRY_STORE_H
#define BLOBFERRY_STORE_H

#include "service.h"

/*
 * A store is where objects are: a bucket of a server, a folder, a name in memory.
 * It is opened by a URL and string options.
 *
 *   memory://NAME            Objects in the memory of this process. Two opens of one
 *                            name in one service meet; they live as long as the
 *                            service or a store opened on them.
 *   file:///ABSOLUTE/PATH    Files of a folder, which is the root of the store; the
 *                            key `a/b` is the file b in the folder a. Percent
 *                            escapes in the URL are decoded.
 *   s3://BUCKET/PREFIX       Amazon S3 and what speaks as it does (s3a:// too, and
 *                            https://BUCKET.s3.REGION.amazonaws.com/PREFIX,
 *                            https://s3.REGION.amazonaws.com/BUCKET/PREFIX,
 *                            https://ACCOUNT.r2.cloudflarestorage.com/BUCKET/PREFIX).
 *   az://CONTAINER/PREFIX    Azure Blob Storage (azure://, adl://, abfs[s]://
 *                            CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX too, and
 *                            https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX;
 *                            all three with fabric.microsoft.com as well).
 *   gs://BUCKET/PREFIX       Google Cloud Storage.
 *   http[s]://HOST/PATH      Plain HTTP. To put, delete and list, the server has to
 *                            know WebDAV.
 *
 * PREFIX is the root of the store: the key `a` of s3://b/p is the object `p/a`.
 *
 * A URL is taken as it is written: what would have to be changed in it (a `.` or
 * `..` segment, a backslash, a control character, a blank at an end) is refused. A
 * NAME has no blank and none of `/?#@:%[]`. No URL has a password or a query, and a
 * port only http:// and https:// ones of plain HTTP; for the others the option
 * `endpoint` (gs: `base_url`) says which server it is. What a URL says (the server,
 * the account, the region) an option cannot contradict.
 *
 *   option                       default  stores  meaning
 *   part_size                    8MiB     all     bytes of one parallel part of a large get or put
 *   max_in_flight                4        all     parts of one request moved at once, at most 256
 *   create                       false    file    make the root folder where it is missing
 *   fsync                        false    file    a put ends after its bytes and its name are on the disk
 *   follow_symlinks              false    file    symbolic links may lead out of the root
 *   credentials                  -        net     where they come from, see below
 *   connect_timeout              5s       net     until a connection is made, TLS and all
 *   stall_timeout                30s      net     BLOBFERRY_E_TIMEOUT after so long without progress, see below
 *   timeout                      -        net     until the head of an attempt's answer is there
 *   max_retries                  10       net     attempts after the first, of a request or of one of its parts
 *   retry_timeout                3m       net     no attempt begins later than this after the first
 *   initial_backoff              100ms    net     wait before the first retry; it doubles, and is partly random
 *   max_backoff                  15s      net     where the doubling ends
 *   max_connections              256      net     requests on the wire at once; others wait
 *   pool_idle_timeout            90s      net     after which an idle connection is closed
 *   pool_max_idle_per_host       64       net     idle connections kept by each I/O thread
 *   allow_http                   false    net     plain HTTP; an http:// URL or use_emulator allows it by itself
 *   root_certificates            -        net     a PEM file, or its text, to trust besides the system's
 *   disable_system_certificates  false    net     trust no others
 *   allow_invalid_certificates   false    net     trust anybody
 *   proxy_url                    -        net     all requests go through it, as http://proxy:3128
 *   proxy_excludes               -        net     hosts that do not, with commas between them
 *   proxy_ca_certificate         -        net     a PEM file, or its text, for the proxy
 *   system_proxy                 false    net     use the proxy that the environment names
 *   user_agent                   -        net     how we call ourselves; by default blobferry/VERSION
 *   default_content_type         -        net     of what is put without one
 *
 * `net` are the stores over a network: s3, az, gs, http.
 * Sizes are bytes, or a number with KiB, MiB or GiB; times a number with ms, s, m
 * or h; truths are true and false. What is a URL begins with http:// or https:// and
 * has a host, no user (but proxy_url's), no query and no fragment. An unknown option
 * is refused with the nearest one, and so is one that does nothing beside the others
 * or contradicts them. part_size is at most 5 GiB (s3, gs), 4000 MiB (az).
 *
 * The options of each vendor have the names that the crate object_store gives them,
 * with or without aws_, azure_, google_ before them; they are ASCII, without blanks
 * at their ends:
 *
 *   s3: region (us-east-1), endpoint, access_key_id, secret_access_key, token,
 *       virtual_hosted_style_request, unsigned_payload, checksum_algorithm (sha256),
 *       conditional_put, copy_if_not_exists (multipart), disable_bulk_delete,
 *       request_payer, server_side_encryption, sse_kms_key_id,
 *       sse_bucket_key_enabled, sse_customer_key_base64, skip_signature,
 *       web_identity_token_file, role_arn, role_session_name, endpoint_url_sts,
 *       container_credentials_relative_uri, container_credentials_full_uri,
 *       container_authorization_token_file, metadata_endpoint, imdsv1_fallback
 *   az: account_name, account_key, sas_key, bearer_token, client_id, client_secret,
 *       tenant_id, authority_host, federated_token_file, endpoint, use_emulator,
 *       use_fabric_endpoint, msi_endpoint, object_id, msi_resource_id,
 *       encryption_key, skip_signature
 *   gs: service_account (a file), service_account_key (its text), bearer_token,
 *       application_credentials (a file), base_url, skip_signature
 *
 * copy_if_not_exists says how s3 copies where nothing is (BLOBFERRY_PUT_CREATE):
 *
 *   multipart                   By an upload whose one part is the object, and whose
 *                               end has the condition, as Amazon S3 and versitygw
 *                               have it: four requests; tags stay behind.
 *   header: NAME: VALUE         By a header of the copy; 412 says that something is
 *                               there. R2 takes cf-copy-destination-if-none-match: *
 *   header-with-status: NAME: VALUE: STATUS   The same, and STATUS says so.
 *
 * A server that does not know the header copies over what is there, and says nothing
 * (so does versitygw 1.8 with if-none-match): try it before you rely on it.
 * disable_bulk_delete=true deletes many objects one by one, for servers that do not
 * know DeleteObjects.
 *
 * CREDENTIALS are one whole kind of them. Half of one, or two at once, are refused
 * when the store is opened; no other kind is tried in its place.
 *
 *   credentials=static, which need not be said
 *     s3: access_key_id and secret_access_key, and token where there is one
 *     az: account_key; or sas_key; or bearer_token; or client_secret, client_id and
 *         tenant_id, which are shown to authority_host; or use_emulator=true, which is
 *         the emulator's own account at http://127.0.0.1:10000
 *     gs: service_account; or service_account_key; or application_credentials; or
 *         bearer_token
 *   credentials=env, the same from variables, read when the store is opened; what is
 *   empty is not there
 *     s3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN; or
 *         AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, and AWS_ROLE_SESSION_NAME,
 *         AWS_ENDPOINT_URL_STS; or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI; or
 *         AWS_CONTAINER_CREDENTIALS_FULL_URI and
 *         AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; besides, AWS_REGION or
 *         AWS_DEFAULT_REGION where neither the URL nor an option says the region
 *     az: AZURE_STORAGE_ACCOUNT_KEY; or AZURE_STORAGE_SAS_TOKEN; or
 *         AZURE_STORAGE_TOKEN; or AZURE_CLIENT_ID and AZURE_TENANT_ID with
 *         AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE, and AZURE_AUTHORITY_HOST;
 *         besides, AZURE_STORAGE_ACCOUNT_NAME
 *     gs: GOOGLE_SERVICE_ACCOUNT; or GOOGLE_SERVICE_ACCOUNT_KEY; or
 *         GOOGLE_APPLICATION_CREDENTIALS
 *   credentials=instance, from the server of them that the machine has
 *     s3: the one at metadata_endpoint (imdsv1_fallback: in the older way, too); or, where
 *         they are given, web_identity_token_file and role_arn, and role_session_name,
 *         endpoint_url_sts; or container_credentials_relative_uri; or
 *         container_credentials_full_uri and container_authorization_token_file
 *     az: the managed identity, of client_id, object_id or msi_resource_id where one is
 *         given, at msi_endpoint, which is shown the variable IDENTITY_HEADER; or, where
 *         it is given, federated_token_file with client_id and tenant_id
 *     gs: the metadata server
 *   credentials=anonymous, none: skip_signature=true says the same
 *
 * Nothing else is looked at, no file of the home folder and no server that was not
 * named. Credentials that cannot be fetched are BLOBFERRY_E_UNAUTHENTICATED, or what
 * the way there ended with, and all who wait for them share that. They are never
 * shown: not in a message, and not in blobferry_store_settings.
 *
 * KEYS are the bytes that you write: UTF-8, 1 to 4095 bytes, segments divided by
 * `/`. A segment is not empty, `.` or `..` (so no `//`, no `/` at either end):
 * such a key is BLOBFERRY_E_ARGUMENT at submit and never another key. file://
 * refuses, besides, a segment over 255 bytes and names that begin with
 * `.blobferry-`, which it keeps for files not yet finished. Stores over a network
 * refuse control characters; s3, az and gs keys over 1024 bytes, PREFIX and all; az
 * keys with a `\`, which Azure takes for a `/`.
 * Keys of others that are none of ours are listed all the same.
 *
 * FILES. A put is written to a file without a name and appears whole or not at
 * all; an error or a cancel leaves nothing behind, and neither does a kill while
 * the bytes are written. A kill between the last two steps, naming and replacing,
 * can leave empty folders and one file `.blobferry-…`, which is never listed and
 * which the next listing that reads its folder removes; so it is, from the
 * beginning, on a file system that has no nameless files. A key that is a folder is
 * not an object: get and head say BLOBFERRY_E_NOT_FOUND. A folder cannot hold
 * both `a` and `a/b`: the put that would need it is BLOBFERRY_E_UNSUPPORTED.
 * Symbolic links are followed as long as they stay under the root; one that
 * leads out, as every absolute link does, is BLOBFERRY_E_PERMISSION and is not
 * listed. A put or delete of a key that is itself a
 * link replaces or removes the link. Deleting leaves the folders. To get and head
 * what is neither file nor folder (a FIFO, a device) is BLOBFERRY_E_UNSUPPORTED; a
 * put or delete replaces or removes it like a file.
 *
 * ATTEMPTS. What may succeed when it is asked for again is asked for again: 408,
 * 429, 500, 502, 503, 504, broken connections, stalls, answers that are not whole.
 * A Retry-After is honoured, in either form; a wait that would pass the deadline or
 * `retry_timeout` is not begun. Each attempt is signed afresh, and a get goes on
 * where it broke off, on the same state of the object. What fails in the end says
 * how often it was tried (blobferry_error_attempts), and for how long.
 *
 * LARGE OBJECTS are got in parts, all of one state of the object: the first tells
 * how large it is, the others are asked for with its ETag. A server that tells
 * neither ETag nor Last-Modified gives one stream. Objects larger than part_size
 * (s3, gs: than 5 MiB at least) are put in parts, 10 000 at most, so a part may be
 * larger. A put with a condition is one request: s3 up to 5 GiB, az up to 5000 MiB;
 * above that BLOBFERRY_E_UNSUPPORTED, before any byte moves. http puts everything in
 * one request.
 *
 * UPLOADS in parts that fail, are cancelled or come to their deadline are aborted,
 * behind the completion: blobferry_service_drain waits for that, and so does
 * blobferry_service_free, for 10 seconds at most. What a kill or a server that does
 * not answer leaves behind the server keeps: give the bucket a rule that ends
 * unfinished uploads. (az removes them by itself, after a week.)
 *
 * PROGRESS is a frame of the request's body that the connection takes (64 KiB), the
 * whole head of the answer, and any bytes of its body. What is in the system's
 * buffers for sending (some MiB) goes out unseen: on a link that takes longer than
 * `stall_timeout` for it, raise that.
 *
 * HEADERS carry content types and metadata: printable ASCII, without blanks at the
 * ends. Names of metadata are of a-z, 0-9, `-` and `_` (az: without `-`, not
 * beginning with a digit). Anything else is BLOBFERRY_E_ARGUMENT at submit. An
 * object put without a content type has the one that its server gives it. Times
 * are in seconds; s3 and gs do not tell the time of a put.
 *
 * HTTP. Redirects of get and head are followed, five at most, and never from TLS to
 * none. A folder is no object: get and head say BLOBFERRY_E_NOT_FOUND, and a delete,
 * which asks first whether the key is one, leaves it alone. A put makes the folders
 * of its key; it does not tell a revision. A listing asks for a folder at a time. A
 * copy or rename asks first what is at both keys: it takes no folder, and replaces
 * none.
 *
 * WHAT EACH STORE CAN DO. `no` is BLOBFERRY_E_UNSUPPORTED before any byte moves.
 *
 *   capability                             memory  file  s3   az   gs   http
 *   BLOBFERRY_CAN_GET_RANGE                yes     yes   yes  yes  yes  yes
 *   BLOBFERRY_CAN_PUT_CREATE               yes     yes   yes  yes  yes  no
 *   BLOBFERRY_CAN_PUT_UPDATE               yes     no    yes  yes  yes  no
 *   BLOBFERRY_CAN_CONTENT_TYPE             yes     no    yes  yes  yes  no
 *   BLOBFERRY_CAN_METADATA                 yes     no    yes  yes  yes  no
 *   BLOBFERRY_CAN_LIST_ANY_DELIMITER       yes     yes   yes  yes  yes  yes
 *   BLOBFERRY_CAN_LIST_START_AFTER         yes     yes   yes  yes  yes  yes
 *   BLOBFERRY_CAN_VERSION                  no      no    yes  yes  yes  no
 *   BLOBFERRY_CAN_TAGS                     no      no    yes  yes  no   no
 *   BLOBFERRY_CAN_COPY_CREATE              yes     yes   yes  yes  yes  yes
 *   BLOBFERRY_CAN_RENAME_CREATE            yes     yes   yes  yes  yes  yes
 *   BLOBFERRY_CAN_SIGN                     no      no    keys keys keys no
 *
 * get of the whole object, put, copy and rename that overwrite, head, delete and
 * list are in every store. `keys`: where the store has credentials that can sign, see
 * blobferry_object_sign. conditional_put=disabled takes the conditions (PUT_CREATE,
 * PUT_UPDATE) from s3, and with them COPY_CREATE and RENAME_CREATE where
 * copy_if_not_exists is not given. http copies and renames where the server knows
 * COPY and MOVE.
 */
typedef struct blobferry_store blobferry_store_t;

/* get: `offset` and `length` */
#define BLOBFERRY_CAN_GET_RANGE 1u
/* put: BLOBFERRY_PUT_CREATE */
#define BLOBFERRY_CAN_PUT_CREATE 2u
/* put: BLOBFERRY_PUT_UPDATE */
#define BLOBFERRY_CAN_PUT_UPDATE 4u
/* put: `content_type` and the other content headers */
#define BLOBFERRY_CAN_CONTENT_TYPE 8u
/* put: `metadata` */
#define BLOBFERRY_CAN_METADATA 16u
/* list: a `delimiter` other than "/" */
#define BLOBFERRY_CAN_LIST_ANY_DELIMITER 32u
/* list: `start_after` */
#define BLOBFERRY_CAN_LIST_START_AFTER 64u
/* get, head, exists: `version` */
#define BLOBFERRY_CAN_VERSION 128u
/* put: `tags` */
#define BLOBFERRY_CAN_TAGS 256u
/* copy: BLOBFERRY_PUT_CREATE */
#define BLOBFERRY_CAN_COPY_CREATE 512u
/* rename: BLOBFERRY_PUT_CREATE */
#define BLOBFERRY_CAN_RENAME_CREATE 1024u
/* sign */
#define BLOBFERRY_CAN_SIGN 2048u

/**
 * Open a store.
 *
 * Everything that is wrong with the URL and the options is said now. A store may
 * be used with every queue of its service.
 *
 * @param service       borrowed; the store holds its own reference
 * @param url           borrowed; UTF-8, NUL-terminated, as s3://bucket or file:///folder
 * @param options       borrowed; `option_count` pairs; may be NULL if that is 0
 * @param option_count  elements in `options`
 * @param store_out     receives an owned store: release it with blobferry_store_free
 * @param error_out     receives an owned error on failure; may be NULL
 *
 * @retval BLOBFERRY_OK             the store is open
 * @retval BLOBFERRY_E_ARGUMENT     a required pointer was NULL; the URL is malformed or its scheme unknown; an option
 *                                  is unknown, given twice, missing or has a bad value; file: the path is not a folder's
 * @retval BLOBFERRY_E_CLOSED       the service is closed
 * @retval BLOBFERRY_E_FORKED       the service belongs to the parent process
 * @retval BLOBFERRY_E_NOT_FOUND    file: there is no such folder, and `create` is not true
 * @retval BLOBFERRY_E_PERMISSION   file: the folder may not be opened or made
 * @retval BLOBFERRY_E_NO_SPACE     file: there was no room to make the folder
 * @retval BLOBFERRY_E_IO           file: the system failed to open the folder
 * @retval BLOBFERRY_E_UNSUPPORTED  an option is known and not in this build, or the system lacks what the store needs
 *
 * Threads: any, concurrently.
 * Blocks:  memory: never. file: while the system opens one folder. Over a network:
 *          while the root certificates are read; no server is asked anything yet.
 * Since:   0.1
 * See:     blobferry_object_get, blobferry_store_free
 */
BLOBFERRY_API blobferry_status_t blobferry_store_open(blobferry_service_t *service, const char *url,
                                                      const blobferry_pair_t *options, size_t option_count,
                                                      blobferry_store_t **store_out, blobferry_error_t **error_out);

/**
 * Tell what a store can do, as a set of BLOBFERRY_CAN_ bits.
 *
 * @param store  borrowed; NULL is 0
 *
 * @return the bits of the table above
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_store_open
 */
BLOBFERRY_API uint64_t blobferry_store_capabilities(const blobferry_store_t *store);

/**
 * Read back the options in force, every default written out and secrets hidden.
 *
 * They are in order of their names, which are those without a vendor's prefix, and
 * with those that the URL says. The value of a secret is `(hidden)`.
 *
 * @param store      borrowed; NULL has no options
 * @param count_out  receives the number of options; may be NULL
 *
 * @return a view (valid until blobferry_store_free); NULL where there are no options
 *
 * Threads: any, concurrently.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_store_open
 */
BLOBFERRY_API const blobferry_pair_t *blobferry_store_settings(const blobferry_store_t *store, size_t *count_out);

/**
 * Free a store.
 *
 * Requests that were accepted with it go on: they hold their own reference.
 *
 * @param store  given; NULL does nothing
 *
 * Threads: any; once per store.
 * Blocks:  never.
 * Since:   0.1
 * See:     blobferry_store_open
 */
BLOBFERRY_API void blobferry_store_free(blobferry_store_t *store);

#endif /* BLOBFERRY_STORE_H */
