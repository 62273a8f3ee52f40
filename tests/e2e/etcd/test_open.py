"""Opening: what the engine finds out about an etcd before it uses it, and how it proves who it is."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from jobpool.model.errors import InvalidArgument, StoreFailed
from jobpool.store.engines.etcd.settings import Tls, User
from jobpool.store.engines.rules import BadTransaction
from jobpool.store.port import Delete, DeleteRange, KeyValue, Limits, OutcomeUnknown, Put
from jobpool.testing.etcd import EtcdMember
from jobpool.testing.ports import free_port
from jobpool.testing.store import following, pairs_of, write
from tests.e2e.certificates import Authority
from tests.e2e.etcd.raw import etcdctl, foreign_puts
from tests.e2e.etcd.stores import Opener, settle, take

Launch = Callable[..., EtcdMember]


@pytest.mark.parametrize(("flags", "wanted"), [((), 126), (("--max-txn-ops=37",), 35)], ids=["default", "few"])
async def test_the_limits_are_those_of_the_etcd(
    launch: Launch, opener: Opener, flags: tuple[str, ...], wanted: int
) -> None:
    store = await opener(launch(flags=flags).endpoint)
    assert store.limits == Limits(wanted, Limits().max_bytes)
    await write(store, *(Put(f"a/{at}", bytes(store.limits.max_bytes // wanted)) for at in range(wanted)))
    await write(store, DeleteRange("a/2", "a/3"), *(Delete(f"a/{at}") for at in range(wanted) if f"{at}"[0] != "2"))
    with pytest.raises(BadTransaction, match=f"at most {wanted}"):
        await write(store, *(Put(f"b/{at}", b"") for at in range(wanted + 1)))


async def test_large_limits_are_used_up_to_ours(shared: EtcdMember, opener: Opener) -> None:
    assert (await opener(shared.endpoint)).limits == Limits()


async def test_an_etcd_that_takes_too_few_operations_is_refused(launch: Launch, opener: Opener) -> None:
    member = launch(flags=("--max-txn-ops=2",))
    with pytest.raises(StoreFailed, match="--max-txn-ops"):
        await opener(member.endpoint)


async def test_a_transaction_too_large_for_the_etcd_is_refused_for_good(launch: Launch, opener: Opener) -> None:
    store = await opener(launch(flags=("--max-request-bytes=100000",)).endpoint)
    fence = await store.fence()
    with pytest.raises(StoreFailed, match="--max-request-bytes") as failure:
        await store.commit(following(fence, Put("a", bytes(300_000))))
    assert not isinstance(failure.value, OutcomeUnknown)
    assert await store.fence() == fence


async def test_where_nobody_answers_each_endpoint_is_named(opener: Opener) -> None:
    endpoints = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    with pytest.raises(StoreFailed, match="no etcd endpoint answers") as failure:
        await opener(*endpoints)
    assert all(endpoint in failure.value.reason for endpoint in endpoints)


async def test_no_endpoint_is_refused(opener: Opener) -> None:
    with pytest.raises(InvalidArgument, match="at least one"):
        await opener()


async def test_dead_endpoints_are_passed_over(shared: EtcdMember, opener: Opener) -> None:
    port = shared.address.rpartition(":")[2]
    store = await opener(f"http://127.0.0.1:{free_port()}", f"localhost:{port}")
    fence = await write(store, Put("a", b"1"))
    assert await store.fence() == fence


async def test_endpoints_of_two_clusters_are_refused(launch: Launch, shared: EtcdMember, opener: Opener) -> None:
    with pytest.raises(StoreFailed, match="one etcd cluster"):
        await opener(shared.endpoint, launch().endpoint)


async def test_keys_without_a_fence_are_not_taken_over(shared: EtcdMember, opener: Opener) -> None:
    await foreign_puts(shared.endpoint, opener.prefix, count=1)
    with pytest.raises(StoreFailed, match="no fence"):
        await opener(shared.endpoint)


async def test_deleted_keys_are_told(shared: EtcdMember, opener: Opener) -> None:
    store = await opener(shared.endpoint)
    fence = await write(store, Put("a", b"1"))
    etcdctl(shared.endpoint, "del", "--prefix", opener.prefix)
    with pytest.raises(StoreFailed, match="is gone"):
        await store.fence()
    with pytest.raises(StoreFailed, match="is gone"):
        await store.commit(following(fence))


async def test_where_authentication_is_on_the_user_and_its_token_are_needed(launch: Launch, opener: Opener) -> None:
    member = launch()
    for arguments in (
        "user add root:secret",
        "user grant-role root root",
        "role add jobpool",
        "role add more",
        f"role grant-permission jobpool readwrite --prefix=true {opener.prefix}",
        "user add jobpool:secret",
        "user grant-role jobpool jobpool",
        "user add stranger:secret",
    ):
        etcdctl(member.endpoint, *arguments.split())
    early = await opener(member.endpoint, user=User("jobpool", "secret"))
    etcdctl(member.endpoint, "auth", "enable")
    fence = await write(early, Put("a", b"1"))
    for user, reason in (
        (None, "wants a user"),
        (User("jobpool", "wrong"), "password is wrong"),
        (User("stranger", "secret"), "needs a role"),
    ):
        with pytest.raises(StoreFailed, match=reason):
            await opener(member.endpoint, user=user)
    with pytest.raises(StoreFailed, match="needs a role"):
        await opener(member.endpoint, user=User("jobpool", "secret"), prefix="/other/")
    store = await opener(member.endpoint, user=User("jobpool", "secret"), may_compact=True)
    steps = store.watch(fence)
    second = await write(store, Put("a", b"2"), Put("b", b""))
    assert (await take(steps, 1))[0].fence == second
    etcdctl(member.endpoint, "--user=root:secret", "user", "grant-role", "jobpool", "more")  # ends its tokens
    member.kill()
    member.start()
    arriving = asyncio.get_running_loop().create_task(take(steps, 1))  # asks for a new token by itself
    third = following(second, DeleteRange("b", "c"))
    await settle(await opener(member.endpoint, user=User("jobpool", "secret")), third)
    assert (await arriving)[0].fence == third.leaves
    assert await store.fence() == third.leaves
    assert await early.range("a", "b", limit=9) == [KeyValue("a", b"2")]
    with pytest.raises(StoreFailed, match="to compact: root"):
        await store.compact(third.leaves.n)
    await (await opener(member.endpoint, user=User("root", "secret"), may_compact=True)).compact(third.leaves.n)


async def test_tls_both_ways_and_certificates_that_change(launch: Launch, opener: Opener, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path / "ours", "ours"), Authority(tmp_path / "theirs", "theirs")
    cert, key = ours.issue("etcd")
    client, client_key = ours.issue("client")
    stranger, stranger_key = theirs.issue("stranger")
    files = (f"--cert-file={cert}", f"--key-file={key}", f"--trusted-ca-file={ours.pem}", "--client-cert-auth")
    member = launch(scheme="https", flags=files)
    for refused in (
        Tls(ours.pem),
        Tls(theirs.pem, client, client_key),
        Tls(ours.pem, stranger, stranger_key),
        Tls(tmp_path / "missing.pem"),
    ):
        with pytest.raises(StoreFailed):
            await opener(member.address, tls=refused)

    tls = Tls(ours.pem, tmp_path / "my.pem", tmp_path / "my.key")
    replace(tls, client, client_key)
    store = await opener(member.address, tls=tls)
    steps = store.watch(await store.fence())
    fence = await write(store, Put("a", b"1"))
    (tmp_path / "my.pem").unlink()  # as for a moment while files are replaced
    assert await store.fence() == fence
    replace(tls, stranger, stranger_key)
    with pytest.raises(StoreFailed):
        await store.fence()
    replace(tls, *ours.issue("renewed"))
    assert await store.fence() == fence
    last = await write(store, Put("a", b"2"))
    assert [step.fence for step in await take(steps, 2)] == [fence, last]
    _, chunks = await store.load(("a",))
    assert await pairs_of(chunks) == [KeyValue("a", b"2")]


def replace(tls: Tls, cert: Path, key: Path) -> None:
    assert tls.cert is not None
    assert tls.key is not None
    for place, new in ((tls.cert, cert), (tls.key, key)):
        beside = place.with_suffix(".new")
        beside.write_bytes(new.read_bytes())
        beside.replace(place)  # another file, however soon after the last one
