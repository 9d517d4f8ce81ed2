"""The worker of boto3 and of obstore for the part "many" of the benchmark: benches/src/many/mod.rs.

usage: many.py boto3|obstore list-100000|head-1000|delete-10000 ENDPOINT
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from gateway import BUCKET, KEY, REGION, SECRET, obstore_store
from worker import serve

IN_FLIGHT = 16
PAGE = 1000


def names(verb):
    """The keys that benches/src/many/mod.rs has made."""
    count, in_folder = {"list": (100_000, 1000), "head": (1000, 1000), "delete": (10_000, 10_000)}[verb]
    return [f"{verb}/day-{place // in_folder:03}/part-{place:06}.parquet" for place in range(count)]


class Boto3:
    def __init__(self, endpoint):
        import boto3
        from botocore.config import Config

        # A usual pool has ten connections: fewer than there are heads in flight.
        config = Config(max_pool_connections=IN_FLIGHT, retries={"max_attempts": 0})
        session = boto3.session.Session(KEY, SECRET, region_name=REGION)
        self.client = session.client("s3", endpoint_url=endpoint, config=config)
        self.threads = ThreadPoolExecutor(IN_FLIGHT)

    def list(self, keys):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="list/")
        count = size = 0
        for page in pages:
            for entry in page["Contents"]:
                count += 1
                size += len(entry["Key"]) + entry["Size"]
        assert count == len(keys), count

    def head(self, keys):
        def head(key):
            return self.client.head_object(Bucket=BUCKET, Key=key)["ContentLength"]

        assert all(self.threads.map(head, keys))

    def delete(self, keys):
        for at in range(0, len(keys), PAGE):
            objects = [{"Key": key} for key in keys[at : at + PAGE]]
            answer = self.client.delete_objects(Bucket=BUCKET, Delete={"Objects": objects, "Quiet": True})
            assert "Errors" not in answer, answer


class Obstore:
    def __init__(self, endpoint):
        import obstore

        self.obstore = obstore
        self.store = obstore_store(endpoint)
        self.loop = asyncio.new_event_loop()

    def list(self, keys):
        count = size = 0
        for page in self.obstore.list(self.store, "list/", chunk_size=PAGE):
            for entry in page:
                count += 1
                size += len(entry["path"]) + entry["size"]
        assert count == len(keys), count

    def head(self, keys):
        async def some(rest):
            for key in rest:
                assert (await self.obstore.head_async(self.store, key))["size"] > 0

        async def every():
            # One iterator of all: who has finished one takes the next.
            rest = iter(keys)
            await asyncio.gather(*(some(rest) for _ in range(IN_FLIGHT)))

        self.loop.run_until_complete(every())

    def delete(self, keys):
        self.obstore.delete(self.store, keys)


def main():
    contender, case, endpoint = sys.argv[1:]
    verb = case.split("-")[0]
    keys = names(verb)

    def make():
        client = {"boto3": Boto3, "obstore": Obstore}[contender](endpoint)
        return lambda: getattr(client, verb)(keys)

    serve(make)


if __name__ == "__main__":
    main()
