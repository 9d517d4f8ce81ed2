/*
 * The secrets that the tests of credentials give to stores. Each begins and ends with ten characters that nothing else
 * has, so that a piece of it is found, too. tests/secrets lists them all: no log of a test may have one of them.
 */
#ifndef TESTS_C_SECRETS_H
#define TESTS_C_SECRETS_H

#define ACCESS_KEY_ID "BFAKID5TESTS7QZXWKEY"
#define SECRET_ACCESS_KEY "bfSecretKey/Of+The/Tests4Qw9ZxYv8Kp"
#define SESSION_TOKEN "bfSessionTok/Of+The/Tests7Hk2Lm4Pq"
#define ACCOUNT_KEY "YmZBY2NvdW50S2V5T2ZUaGVUZXN0cw5Tz8Rw2Jn6Vc3Xy9Kd"
#define SAS_SIGNATURE "bfSasSigna/Of+The=Tests9Xy3Kd5TzRw"
#define SAS_SIGNATURE_ESCAPED "bfSasSigna%2FOf%2BThe%3DTests9Xy3Kd5TzRw"
#define BEARER_TOKEN "bfBearerTo.of-the_tests.5Tz8Rw2Jn6"
#define CLIENT_SECRET "bfClientSe~of.the-tests.2Jn6Vc3Xy9"
#define METADATA_TOKEN "bfMetadata-token-of-the-tests-8Rw2Jn6Vc3"
#define CONTAINER_TOKEN "bfContaine-token-of-the-tests-3Xy9Kd5Tz8"
#define PROXY_PASSWORD "bfProxyPas-word-of-the-tests-6Vc3Xy9Kd5"
/* `me` and the password, as a proxy is shown them. */
#define PROXY_PROOF "bWU6YmZQcm94eVBhcy13b3JkLW9mLXRoZS10ZXN0cy02VmMzWHk5S2Q1"
#define PRIVATE_KEY "bfPrivateKeyOfTheTests19Kd5Tz8Rw2Jn6"
#define DELEGATION_KEY "YmZEZWxlZ2F0aW9uS2V5T2ZUaGVUZXN0czZWYzNYeTlLZDU="
#define ENCRYPTION_KEY "YmZFbmNyeXB0aW9uS2V5T2ZUaGVUZXN0czEyMzQ1Njc="

#endif
