"""Which members answer: what a member that waits for a majority says."""

import socket

from jobpool.etcd.others import Others

WITHIN = 30_000


async def test_those_that_listen_somewhere_are_not_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        there = f"http://127.0.0.1:{listener.getsockname()[1]}"
        nobody = f"http://127.0.0.1:{bound.getsockname()[1]}"
        others = Others({"a": [there], "b": [nobody, there], "c": [nobody], "d": [nobody, "http://[::1"]})
        assert await others.silent(within=WITHIN) == [f"c ({nobody})", f"d ({nobody}, http://[::1)"]


async def test_a_member_alone_has_no_others() -> None:
    assert await Others({}).silent(within=WITHIN) == []
