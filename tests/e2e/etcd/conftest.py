"""Real etcd members for tests, ended whatever happens; without an etcd these tests are skipped."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from jobpool.store.engines.etcd.settings import Timeouts
from jobpool.testing.etcd import NO_ETCD, EtcdMember, cluster_of, etcd_binary, shared_member
from tests.e2e.etcd.proxy import Proxy
from tests.e2e.etcd.stores import PATIENT, Opener


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if etcd_binary() is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=NO_ETCD))


@pytest.fixture
def shared() -> EtcdMember:
    """A member that other tests use too: neither kill nor pause it."""
    return shared_member()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., EtcdMember]]:
    """Start a member of the test's own, with these arguments."""
    members: list[EtcdMember] = []

    def start(**arguments: object) -> EtcdMember:
        member = EtcdMember(tmp_path / f"member-{len(members)}", **arguments)  # type: ignore[arg-type]
        members.append(member)
        member.start()
        return member

    yield start
    for member in members:
        member.kill()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[EtcdMember]]:
    """Three members."""
    members = cluster_of(tmp_path, 3)
    yield members
    for member in members:
        member.kill()


@pytest.fixture
def timeouts() -> Timeouts:
    """Those of the stores that are opened."""
    return PATIENT


@pytest.fixture
async def opener(tmp_path: Path, timeouts: Timeouts) -> AsyncIterator[Opener]:
    """Opens stores under a prefix of this test, and closes them."""
    async with AsyncExitStack() as stack:
        yield Opener(stack, f"{tmp_path}/", timeouts)


@pytest.fixture
async def proxy(shared: EtcdMember) -> AsyncIterator[Proxy]:
    """A way to the shared member that can be cut."""
    proxy = await Proxy.open(shared.address)
    yield proxy
    await proxy.close()
