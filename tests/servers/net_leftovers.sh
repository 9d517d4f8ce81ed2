#!/usr/bin/env bash
# Runs a program that ends uploads half-way (tests/c/net_leftovers.c), then asks the servers themselves which uploads
# in parts they still have: there may be none.
#
#   usage: tests/servers/with tests/servers/net_leftovers.sh COMMAND...
set -euo pipefail

if [ $# -eq 0 ] || [ -z "${BLOBFERRY_TEST_S3:-}" ]; then
  echo "usage: tests/servers/with tests/servers/net_leftovers.sh COMMAND..." >&2
  exit 2
fi
signed=(--aws-sigv4 aws:amz:us-east-1:s3 --user "$BLOBFERRY_TEST_S3_KEY:$BLOBFERRY_TEST_S3_SECRET"
  --header "x-amz-content-sha256: UNSIGNED-PAYLOAD")
s3=$BLOBFERRY_TEST_S3/$BLOBFERRY_TEST_BUCKET
gcs=$BLOBFERRY_TEST_GCS/$BLOBFERRY_TEST_BUCKET

# ask SERVER METHOD TARGET: the answer's document.
ask() {
  local arguments=(--noproxy '*' --silent --show-error --fail --max-time 60 --request "$2")
  case $1 in
    s3) curl "${arguments[@]}" "${signed[@]}" "$s3$3" ;;
    gcs) curl "${arguments[@]}" "$gcs$3" ;;
  esac
}

# How many uploads a server has.
uploads() {
  local document
  document=$(ask "$1" GET '?uploads=')
  grep -q ListMultipartUploadsResult <<<"$document"
  { grep -o '<UploadId>' <<<"$document" || true; } | wc -l
}

# An upload that was begun is seen: else none would ever be.
check_that_uploads_are_seen() {
  local id
  [ "$(uploads "$1")" -eq 0 ]
  id=$(ask "$1" POST '/seen?uploads=' | sed -n 's|.*<UploadId>\(.*\)</UploadId>.*|\1|p')
  if [ "$(uploads "$1")" -ne 1 ]; then
    echo "FAILED $1: an upload that was begun is not in the list of them"
    return 1
  fi
  ask "$1" DELETE "/seen?uploadId=$id"
  [ "$(uploads "$1")" -eq 0 ]
}

for server in s3 gcs; do check_that_uploads_are_seen "$server"; done
failed=0
"$@" || failed=1
for server in s3 gcs; do
  left=$(uploads "$server")
  if [ "$left" -eq 0 ]; then
    echo "ok     $server has no upload left"
  else
    echo "FAILED $server has $left uploads left"
    ask "$server" GET '?uploads='
    failed=1
  fi
done
exit "$failed"
