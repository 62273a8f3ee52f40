"""What others do with an etcd: write keys of their own, by the client below the engine or by etcdctl."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.messages import put
from jobpool.testing.etcd import etcd_binary
from jobpool.wire.etcd_pb2 import TxnRequest
from tests.e2e.etcd.stores import PATIENT


@asynccontextmanager
async def client_of(endpoint: str) -> AsyncIterator[EtcdClient]:
    client = EtcdClient([endpoint], tls=None, user=None, timeouts=PATIENT)
    try:
        yield client
    finally:
        await client.close()


async def foreign_puts(endpoint: str, prefix: str, *, count: int) -> None:
    """Write so many revisions under the prefix."""
    left = iter(range(count))

    async def writes(client: EtcdClient) -> None:
        for at in left:
            await client.write(TxnRequest(success=[put(f"{prefix}hand-{at % 100}".encode(), b"x")]))

    async with client_of(endpoint) as client:
        await asyncio.gather(*(writes(client) for _ in range(min(count, 64))))


async def put_by_hand(endpoint: str, key: str, value: bytes) -> None:
    async with client_of(endpoint) as client:
        await client.write(TxnRequest(success=[put(key.encode(), value)]))


def etcdctl(endpoint: str, *arguments: str) -> str:
    """What etcdctl prints; skips the test where there is none beside etcd or on PATH."""
    beside = etcd_binary()
    program = (
        str(beside.with_name("etcdctl")) if beside and beside.with_name("etcdctl").exists() else shutil.which("etcdctl")
    )
    if program is None:
        pytest.skip("no etcdctl beside etcd or on PATH")
    command = [program, f"--endpoints={endpoint}", *arguments]
    done = subprocess.run(
        command, env={"ETCDCTL_API": "3", "PATH": os.defpath}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
