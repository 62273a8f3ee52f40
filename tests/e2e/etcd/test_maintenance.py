"""An administrator's calls on real members: what they change, and what is said when etcd refuses."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from jobpool.model.errors import FailedPrecondition, InvalidArgument, NotFound, StoreFailed, Unavailable
from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.keys import keyspace
from jobpool.store.engines.etcd.maintenance import EtcdOperations
from jobpool.store.engines.etcd.relief import TURN_LASTS, Relief
from jobpool.store.engines.etcd.settings import Timeouts
from jobpool.store.engines.etcd.upkeep import Upkeep
from jobpool.store.operations import Alarm, KeysHash, Member, Space
from jobpool.store.port import Fence, Put, Store
from jobpool.testing.clock import FakeClock
from jobpool.testing.etcd import CALM, EtcdMember, cluster_of
from jobpool.testing.ports import free_port
from jobpool.testing.store import following, write
from tests.e2e.etcd.stores import Opener, until

Launch = Callable[..., EtcdMember]
MIB = 1024 * 1024
QUOTA = 24 * MIB


class Ways:
    """The operations of each member's own server."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    def client(self, endpoints: Sequence[str]) -> EtcdClient:
        client = EtcdClient(endpoints, tls=None, user=None, timeouts=Timeouts(read=2_000))
        self._stack.push_async_callback(client.close)
        return client

    def operations(self, endpoints: Sequence[str], *, owned: bool) -> EtcdOperations:
        return EtcdOperations(self.client(endpoints), owned=owned, quota=QUOTA)

    def __call__(self, member: EtcdMember, *, owned: bool = True) -> EtcdOperations:
        return self.operations([member.endpoint], owned=owned)


@pytest.fixture
async def ways() -> AsyncIterator[Ways]:
    async with AsyncExitStack() as stack:
        yield Ways(stack)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[EtcdMember]]:
    """Three members whose lead is moved by the test alone."""
    members = cluster_of(tmp_path, 3, flags=CALM)
    yield members
    for member in members:
        member.kill()


async def leader_first(ways: Ways, cluster: Sequence[EtcdMember]) -> list[EtcdOperations]:
    """The operations of all members, those of the Raft leader first."""
    found = [ways(member) for member in cluster]
    leads: list[bool] = []

    async def led() -> bool:
        statuses = [await one.status() for one in found]
        leads[:] = [status.raft_leader for status in statuses]
        return sum(leads) == 1 and len({status.leader_id for status in statuses}) == 1

    await until(led)
    return [found[at] for at in sorted(range(len(found)), key=lambda at: not leads[at])]


async def test_every_member_tells_of_itself(ways: Ways, cluster: list[EtcdMember]) -> None:
    leader, *followers = await leader_first(ways, cluster)
    status = await leader.status()
    members = await leader.members()
    assert [member.name for member in members] == ["m0", "m1", "m2"]
    assert status.member_id in {member.id for member in members}
    assert status.version.startswith("3.")
    assert status.space.quota in (QUOTA, status.space.quota)
    assert 0 < status.space.in_use <= status.space.size
    for follower in followers:
        told = await follower.status()
        assert told.leader_id == status.member_id
        assert not told.raft_leader


async def test_without_a_quorum_a_member_still_tells_of_itself(ways: Ways, cluster: list[EtcdMember]) -> None:
    for member in cluster[1:]:
        member.kill()
    last = ways(cluster[0])
    assert (await last.status()).version
    with pytest.raises(FailedPrecondition, match="start those that are down"):
        await last.add_member(["http://127.0.0.1:1"], learner=True)
    assert [member.name for member in await last.members()] == ["m0", "m1", "m2"]
    with pytest.raises(Unavailable):
        await last.alarms()


async def test_the_raft_lead_is_moved_by_who_has_it(ways: Ways, cluster: list[EtcdMember]) -> None:
    leader, follower, other = await leader_first(ways, cluster)
    own = (await follower.status()).member_id
    with pytest.raises(FailedPrecondition, match="does not lead"):
        await follower.move_raft_leader([own])
    with pytest.raises(FailedPrecondition, match="move-leader --raft"):
        await follower.remove_member((await leader.status()).member_id)
    with pytest.raises(FailedPrecondition, match="found 'nobody'"):
        await leader.move_raft_leader(["nobody"])
    with pytest.raises(FailedPrecondition, match=r"wanted another member with a vote \(m\d, m\d\), found none whose"):
        await leader.move_raft_leader([])
    assert (await leader.move_raft_leader(["gone", own])).id == own

    async def heard() -> bool:
        return (await other.status()).leader_id == own

    await until(heard)


async def test_hashes_are_equal_at_one_revision(ways: Ways, cluster: list[EtcdMember], opener: Opener) -> None:
    store = await opener(cluster[0].endpoint)
    await write(store, Put("a", b"1"))
    first, *others = await leader_first(ways, cluster)
    found = await first.hash_keys(0)
    for other in others:
        assert await hashed(other, found.revision) == found
    with pytest.raises(FailedPrecondition, match="not reached that revision"):
        await first.hash_keys(found.revision + 1_000)


async def hashed(member: EtcdOperations, revision: int) -> KeysHash:
    """Once it has reached that revision."""
    found: list[KeysHash] = []

    async def reached() -> bool:
        try:
            found.append(await member.hash_keys(revision))
        except FailedPrecondition as refused:
            if "not reached that revision" not in refused.reason:
                raise
        return bool(found)

    await until(reached)
    return found[0]


async def test_a_member_joins_as_learner_and_gets_a_vote(ways: Ways, cluster: list[EtcdMember], tmp_path: Path) -> None:
    leader, *_ = await leader_first(ways, cluster)
    url = f"http://127.0.0.1:{free_port()}"

    async def add() -> bool:
        try:
            added.append(await leader.add_member([url], learner=True))
        except FailedPrecondition as refused:
            return "connected for 5 s" not in refused.reason
        return True

    added: list[Member] = []
    await until(add)
    assert (added[0].name, added[0].is_learner, added[0].peer_urls) == ("", True, (url,))
    with pytest.raises(FailedPrecondition, match="not caught up"):
        await leader.promote_member(added[0].id)
    with pytest.raises(FailedPrecondition, match="promote or remove"):
        await leader.add_member(["http://127.0.0.1:1"], learner=True)
    peers = {member.name: member.peer_urls[0] for member in await leader.members() if member.name} | {"m3": url}
    joined = EtcdMember(tmp_path, name="m3", cluster=peers, flags=(*CALM, "--initial-cluster-state=existing"))
    try:
        joined.start()
        assert (await ways(joined).status()).is_learner
        with pytest.raises(FailedPrecondition, match="still a learner"):
            await ways(joined).members()

        async def promoted() -> bool:
            try:
                await leader.promote_member(added[0].id)
            except FailedPrecondition:
                return False
            return True

        await until(promoted)
        with pytest.raises(FailedPrecondition, match="has a vote already"):
            await leader.promote_member(added[0].id)
        moved = "http://127.0.0.1:1"
        await leader.update_member(added[0].id, [url, moved])
        urls = next(one for one in await leader.members() if one.name == "m3").peer_urls
        assert set(urls) == {url, moved}
        await leader.remove_member(added[0].id)
        assert [one.name for one in await leader.members()] == ["m0", "m1", "m2"]
    finally:
        joined.kill()


async def test_what_is_not_there_is_said_so(ways: Ways, cluster: list[EtcdMember]) -> None:
    leader, *_ = await leader_first(ways, cluster)

    async def known() -> bool:
        try:
            await leader.remove_member("abc")
        except NotFound as refused:
            return "abc" in refused.reason
        except FailedPrecondition:
            return False
        raise AssertionError("removed")

    await until(known)
    for wrong in ("", "0", "xyz", "1" * 40):
        with pytest.raises(InvalidArgument, match="hexadecimal"):
            await leader.remove_member(wrong)


async def test_an_etcd_that_is_not_ours_is_left_alone(ways: Ways, shared: EtcdMember) -> None:
    foreign = ways(shared, owned=False)
    assert len(await foreign.members()) == 1
    assert await foreign.alarms() == []
    for change in (foreign.add_member(["http://a:1"], learner=False), foreign.remove_member("1"), foreign.defragment()):
        with pytest.raises(FailedPrecondition, match="etcdctl"):
            await change


async def test_what_is_asked_of_an_etcd_is_asked_of_the_next_endpoint_too(ways: Ways, shared: EtcdMember) -> None:
    """One refuses connections, one takes them and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoints = [f"http://127.0.0.1:{port}" for port in (free_port(), silent.getsockname()[1])]
        questions = {
            "alarms": lambda one: one.alarms(),
            "hash": lambda one: one.hash_keys(0),
            "members": lambda one: one.members(),
            "status": lambda one: one.status(),
        }
        for name, ask in questions.items():
            order = endpoints if name == "members" else endpoints[:1]
            foreign = ways.operations([*order, shared.endpoint], owned=False)
            assert await ask(foreign) or name == "alarms"


async def test_a_change_is_never_asked_of_a_second_endpoint(ways: Ways, shared: EtcdMember) -> None:
    alone = ways.operations([f"http://127.0.0.1:{free_port()}", shared.endpoint], owned=True)
    with pytest.raises(Unavailable, match="may have been done or not"):
        await alone.disarm(Alarm("abc", "NOSPACE"))
    assert await alone.alarms() == []


# ---- space


class Around:
    """A server that leads and is alone."""

    leads = True
    others_well = True
    raft_heirs: Sequence[str] = ()

    def __init__(self) -> None:
        self.dropped: list[int] = []

    async def step_aside(self) -> None:
        raise AssertionError("nobody is there")

    async def drop_history(self, n: int) -> None:
        self.dropped.append(n)

    async def drop_versions(self, size: int) -> int:
        return 0

    def on_stale(self, wake: Callable[[], None]) -> None:
        """Nothing is added meanwhile."""

    def about_to_look(self) -> None:
        """Nor is anything written."""

    def tightest(self, space: Space) -> Space:
        return space

    def looked(self, space: Space) -> None:
        self.seen = space


async def fill(store: Store, acknowledged: list[Fence]) -> None:
    for at in range(200):
        transaction = following(
            acknowledged[-1], Put(f"hist/{at + 1:020}", bytes(300_000)), Put("plans/a", b"kept" * 100)
        )
        await store.commit(transaction)
        acknowledged.append(transaction.leaves)


async def test_a_used_up_quota_is_relieved_without_an_operator(ways: Ways, launch: Launch, opener: Opener) -> None:
    """Experiment 17: prune, compact, defragment, disarm."""
    member = launch(flags=(f"--quota-backend-bytes={QUOTA}", "--max-request-bytes=33554432", "--unsafe-no-fsync"))
    store = await opener(member.endpoint, may_compact=True)
    fence = await store.fence()
    acknowledged = [fence]
    with pytest.raises(StoreFailed, match="space exceeded"):
        await fill(store, acknowledged)
    fence = acknowledged[-1]
    around = Around()
    upkeep = Upkeep(
        store.operations(owned=True, quota=QUOTA),
        store.relief(),
        around,
        account=around,
        clock=FakeClock(),
        server_id="s1",
    )
    await upkeep.look()
    assert (await store.operations(owned=True).status()).errors == ()
    await store.commit(following(fence, Put("plans/b", b"new")))
    kept = [pair.key for pair in await store.range("", "z", limit=1000)]
    assert {"plans/a", "plans/b"} <= set(kept)
    segments = [key for key in kept if key.startswith("hist/")]
    assert 10 < len(segments) < 80
    assert segments[-1] == f"hist/{fence.n:020}"
    space = (await store.operations(owned=True, quota=QUOTA).status()).space
    assert space.size < 0.8 * QUOTA


async def test_history_is_counted_and_pruned_from_the_oldest_on(ways: Ways, shared: EtcdMember, opener: Opener) -> None:
    store = await opener(shared.endpoint)
    for at in range(5):
        await write(store, Put(f"hist/{at + 1:020}", bytes(1000)))
    relief = Relief(ways.client([shared.endpoint]), keyspace(opener.prefix))
    assert (await relief.oldest(1)).n == 1
    assert (await relief.oldest(2_500)).n == 3
    assert (await relief.oldest(10**9)).n == 5
    before = await store.fence()
    assert (await relief.prune(1_500)).n == 2
    assert await store.fence() == before
    assert [pair.key for pair in await store.range("hist/", "hist0", limit=9)] == [f"hist/{at:020}" for at in (3, 4, 5)]
    assert (await relief.prune(10**9)).n == 5
    assert (await relief.prune(1)).n == -1


async def test_servers_take_turns(ways: Ways, shared: EtcdMember, opener: Opener) -> None:
    await opener(shared.endpoint)
    first, second = (Relief(ways.client([shared.endpoint]), keyspace(opener.prefix)) for _ in range(2))
    assert await first.take_turn("s1", 0)
    assert await first.take_turn("s1", 0)
    assert not await second.take_turn("s2", 0)
    await second.end_turn("s2")
    assert not await second.take_turn("s2", 0)
    await first.end_turn("s1")
    assert await second.take_turn("s2", 0)
    assert not await first.take_turn("s1", 0)
    assert not await first.take_turn("s1", TURN_LASTS - 1)
    assert await first.take_turn("s1", TURN_LASTS)
