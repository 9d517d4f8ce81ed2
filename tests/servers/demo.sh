#!/usr/bin/env bash
# Runs the main job of the demo on the servers of tests/servers/with, and looks at its table.
set -euo pipefail
cd "$(dirname "$0")/../.."

bucket=$BLOBFERRY_TEST_BUCKET/demo

# on URL OPTION...
on() {
  local shown
  shown=$(BLOBFERRY_DEMO_SMALL=1 make demo URL="$1" OPTIONS="${*:2}")
  grep -qF "to and from $1" <<<"$shown" && grep -q "every byte verified" <<<"$shown" || {
    echo "$shown"
    return 1
  }
  echo "ok     ${1%%://*}"
}

on "s3://$bucket" endpoint="$BLOBFERRY_TEST_S3" allow_http=true access_key_id="$BLOBFERRY_TEST_S3_KEY" \
  secret_access_key="$BLOBFERRY_TEST_S3_SECRET"
on "az://$bucket" endpoint="$BLOBFERRY_TEST_AZURE" allow_http=true account_name=devstoreaccount1 \
  account_key="$BLOBFERRY_TEST_AZURE_KEY"
on "gs://$bucket" base_url="$BLOBFERRY_TEST_GCS" allow_http=true credentials=anonymous
on "$BLOBFERRY_TEST_HTTP"
