"""The worker of obstore and of awscrt for the part "small" of the benchmark: benches/src/small/mod.rs.

usage: small.py obstore|awscrt IN_FLIGHT REQUESTS ENDPOINT
"""

import os
import sys

from gateway import BUCKET, KEY, REGION, SECRET, obstore_store
from worker import serve

OBJECT, SIZE = "small", 4096


class Obstore:
    """As many coroutines as requests are in flight, each of which takes the next request when it has finished one."""

    def __init__(self, endpoint):
        import asyncio

        import obstore

        self.asyncio, self.obstore = asyncio, obstore
        self.store = obstore_store(endpoint)
        self.loop = asyncio.new_event_loop()

    def get_all(self, in_flight, requests):
        async def some(rest):
            for _ in rest:
                answer = await self.obstore.get_async(self.store, OBJECT)
                assert len(await answer.bytes_async()) == SIZE

        async def every():
            rest = iter(range(requests))
            await self.asyncio.gather(*(some(rest) for _ in range(in_flight)))

        self.loop.run_until_complete(every())


class Awscrt:
    """One thread that makes requests, and takes what has come of them from a queue that the client's threads fill."""

    def __init__(self, endpoint):
        from queue import SimpleQueue

        from awscrt import auth, http, io, s3

        host = endpoint.removeprefix("http://")
        bootstrap = io.ClientBootstrap.get_or_create_static_default()
        credentials = auth.AwsCredentialsProvider.new_static(KEY, SECRET)
        signing = s3.create_default_s3_signing_config(region=REGION, credential_provider=credentials)
        # Asked for as much as the network of this machine can carry, it has enough connections.
        client = s3.S3Client(
            bootstrap=bootstrap,
            region=REGION,
            signing_config=signing,
            tls_mode=s3.S3RequestTlsMode.DISABLED,
            throughput_target_gbps=100,
        )
        self.finished = SimpleQueue()

        def begin():
            body = bytearray(SIZE)

            def on_body(chunk, offset):
                body[offset : offset + len(chunk)] = chunk

            def on_done(error, **_):
                self.finished.put(error or len(body))

            request = http.HttpRequest("GET", f"/{BUCKET}/{OBJECT}", http.HttpHeaders([("Host", host)]))
            kind = s3.S3RequestType.GET_OBJECT
            # Kept until it has finished: dropped, it would be cancelled.
            return client.make_request(request=request, type=kind, on_body=on_body, on_done=on_done)

        self.begin = begin

    def get_all(self, in_flight, requests):
        kept = [self.begin() for _ in range(min(in_flight, requests))]
        for finished in range(requests):
            outcome = self.finished.get(timeout=60)
            assert outcome == SIZE, outcome
            if finished + in_flight < requests:
                kept.append(self.begin())


def main():
    contender, in_flight, requests, endpoint = sys.argv[1:]

    def make():
        client = {"obstore": Obstore, "awscrt": Awscrt}[contender](endpoint)
        return lambda: client.get_all(int(in_flight), int(requests))

    serve(make)
    # Awscrt's threads, which run on, abort the process now and then when Python takes itself apart around them.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
