"""The S3 server that benches/src/gateway.rs has started."""

BUCKET, KEY, SECRET, REGION = "bench", "BENCHKEY", "bench-secret", "us-east-1"


def obstore_store(endpoint):
    """A store of obstore."""
    from obstore.store import S3Store

    return S3Store(
        BUCKET,
        endpoint=endpoint,
        region=REGION,
        access_key_id=KEY,
        secret_access_key=SECRET,
        client_options={"allow_http": True},
    )
