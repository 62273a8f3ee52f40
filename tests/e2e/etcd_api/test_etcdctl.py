"""What people do with etcdctl works against a jobpool port; what is jobpool's own it neither sees nor changes."""

import json
import signal
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.e2e.etcd_api.conftest import Served, start
from tests.e2e.etcd_api.etcdctl import WITHIN, Etcdctl

PREFIX = "/jobpool/v1/"
DENIED = "PermissionDenied"


def plan(name: str, status: str = "running") -> bytes:
    """One that ticks every second."""
    periodic = {"spec": "* * * * * *", "time_zone": "UTC"}
    fields = {"id": name, "name": name, "namespace": "default", "periodic": periodic, "executor": "noop"}
    return json.dumps({**fields, "parameters": "{}", "type": "service", "status": status}).encode()


def post(served: Served, path: str, body: bytes) -> Any:
    request = Request(f"{served.server.url}{path}", body, {"Content-Type": "application/json"})
    status, answer = sent(request)
    assert status == 200, answer
    return answer


def refused(served: Served, path: str, body: bytes) -> tuple[int, Any]:
    request = Request(f"{served.server.url}{path}", body, {"Content-Type": "application/json"})
    return sent(request)


def sent(request: Request) -> tuple[int, Any]:
    try:
        with urlopen(request, timeout=WITHIN) as answer:
            return 200, json.loads(answer.read())
    except HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read())


def test_keys(own: Served) -> None:
    ctl = own.etcdctl
    assert ctl("put", "k/a", "1") == "OK"
    revision = ctl.json("put", "k/b", "2")["header"]["revision"]
    assert ctl("put", "k/a", "3", "--prev-kv") == "OK\nk/a\n1"
    assert ctl("get", "k/a", "--print-value-only") == "3"
    assert ctl("get", "k/a", "--rev", str(revision), "--print-value-only") == "1"
    assert ctl("get", "k/", "--prefix", "--print-value-only", "--order", "DESCEND", "--sort-by", "KEY") == "2\n3"
    assert ctl("get", "k/", "--prefix", "--count-only", "-w", "fields").count('"Count" : 2') == 1
    assert ctl("del", "k/b") == "1"


def test_everything_is_everything_but_ours(own: Served) -> None:
    ctl = own.etcdctl
    for key in ("#", "a", "z"):
        ctl("put", key, "1")
    assert set(ctl("get", "", "--prefix", "--keys-only").split()) >= {"#", "a", "z"}
    assert PREFIX not in ctl("get", "", "--prefix", "--keys-only")
    assert PREFIX not in ctl("get", "#", "--from-key", "--keys-only")
    first = ctl.json("get", "", "--prefix", "--limit", "2", "--sort-by", "MODIFY", "--order", "DESCEND")
    assert (len(first["kvs"]), first["more"]) == (2, True)
    assert ctl.json("get", "", "--prefix")["count"] >= 3
    assert int(ctl("del", "", "--prefix")) >= 3
    assert ctl("get", "", "--prefix") == ""
    post(own, "/v3/schedule/plans", plan("after", "pending"))


def test_transactions(own: Served) -> None:
    given = 'value("t") = "1"\n\nput t 2\nget t\n\nput t 1\n\n'
    assert own.etcdctl("txn", "-i", given=given).endswith("FAILURE\n\nOK")
    assert own.etcdctl("txn", "-i", given=given).endswith("SUCCESS\n\nOK\n\nt\n2")
    ours = f'value("t") = "1"\n\n\nget "{PREFIX}fence"\n\n'
    assert DENIED in own.etcdctl.refused("txn", "-i", given=ours)
    assert DENIED in own.etcdctl.refused("txn", "-i", given=f'mod("{PREFIX}fence") > "0"\n\n\n\n')


@pytest.mark.parametrize(
    "words",
    [
        ("get", f"{PREFIX}fence"),
        ("get", PREFIX, "--prefix"),
        ("get", f"{PREFIX}a", f"{PREFIX}z"),
        ("put", f"{PREFIX}fence", "x"),
        ("put", f"{PREFIX}mine", "x"),
        ("del", PREFIX, "--prefix"),
        ("lock", PREFIX.rstrip("/"), "true"),
        ("elect", "/jobpool/v1", "me"),
    ],
)
def test_what_is_ours_is_refused(own: Served, words: tuple[str, ...]) -> None:
    if words[0] in ("lock", "elect"):
        # etcdctl makes these of leases, transactions and watches.
        assert "permission denied" in own.etcdctl.refused(*words).lower()
    else:
        assert DENIED in own.etcdctl.refused(*words)


def test_our_keys_are_as_they_were(apart: Served) -> None:
    assert apart.direct is not None
    post(apart, "/v3/schedule/plans", plan("p", "pending"))
    key = f"{PREFIX}plans/default/p"
    before = apart.direct.json("get", key)["kvs"]
    apart.etcdctl("put", "a", "1")
    assert apart.etcdctl("del", "", "--prefix") == "1"
    assert apart.etcdctl("del", "/j", "--from-key") == "0"
    assert DENIED in apart.etcdctl.refused("del", key)
    assert apart.direct.json("get", key)["kvs"] == before


def test_a_watch_of_everything_tells_the_others_keys(own: Served) -> None:
    ctl = own.etcdctl
    revision = ctl.json("put", "w", "0")["header"]["revision"]
    watch = ctl.start("watch", "", "--prefix", "--rev", str(revision))
    try:
        post(own, "/v3/schedule/plans", plan("ticks"))
        for number in range(5):
            ctl("put", "w", str(number + 1))
        assert watch.stdout is not None
        assert [watch.stdout.readline().strip() for _ in range(18)] == [
            word for number in range(6) for word in ("PUT", "w", str(number))
        ]
    finally:
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=WITHIN)
    seen = ctl.run("watch", f"{PREFIX}fence", "--rev", "1")
    assert "permission denied" in (seen.stdout + seen.stderr)


def test_leases(own: Served) -> None:
    ctl = own.etcdctl
    lease = ctl("lease", "grant", "300").split()[1]
    ctl("put", "leased", "1", "--lease", lease)
    assert lease in ctl("lease", "list")
    assert "leased" in ctl("lease", "timetolive", lease, "--keys")
    assert "keepalived" in ctl("lease", "keep-alive", "--once", lease)
    assert "revoked" in ctl("lease", "revoke", lease)
    assert ctl("get", "leased") == ""
    answer = post(own, "/v3/lease/grant", b'{"TTL": 60}')
    kept = post(own, "/v3/lease/keepalive", json.dumps({"ID": answer["ID"]}).encode())
    assert kept["result"]["TTL"] == "60"


def test_locks_and_elections(own: Served) -> None:
    assert own.etcdctl("lock", "mutex", "echo", "held") == "held"
    campaign = own.etcdctl.start("elect", "chair", "me")
    try:
        assert campaign.stdout is not None
        assert campaign.stdout.readline().startswith("chair/")
        assert campaign.stdout.readline().strip() == "me"
    finally:
        campaign.send_signal(signal.SIGINT)
        campaign.communicate(timeout=WITHIN)


def test_the_cluster(own: Served) -> None:
    ctl = own.etcdctl
    (member,) = ctl.json("member", "list")["members"]
    assert member["clientURLs"] == [own.server.url]
    assert ctl("endpoint", "status", "--cluster").startswith(own.server.url)
    assert "is healthy" in ctl.run("endpoint", "health").stderr + ctl.run("endpoint", "health").stdout
    assert own.server.url in ctl("endpoint", "hashkv")
    assert ctl("alarm", "list") == ""
    assert "Finished defragmenting" in ctl("defrag")
    assert "not found" in ctl.refused("member", "remove", "1234")
    assert "saved" in ctl("snapshot", "save", "snapshot.db")
    revision = ctl.json("put", "c", "1")["header"]["revision"]
    assert ctl("compaction", str(revision)) == f"compacted revision {revision}"
    assert "compacted" in ctl.refused("get", "c", "--rev", str(revision - 1))


def test_users_without_authentication(own: Served) -> None:
    ctl = own.etcdctl
    ctl("role", "add", "reader")
    ctl("role", "grant-permission", "reader", "read", "k/", "--prefix=true")
    ctl("user", "add", "ann:secret")
    ctl("user", "grant-role", "ann", "reader")
    assert ctl("user", "list") == "ann"
    assert "reader" in ctl("user", "get", "ann")
    assert "Authentication Status: false" in ctl("auth", "status")
    assert "the same `etcd-user`" in ctl.refused("auth", "enable")
    assert DENIED in ctl.refused("role", "delete", "root")
    ctl("user", "delete", "ann")
    ctl("role", "delete", "reader")


def test_the_gateway(own: Served) -> None:
    post(own, "/v3/kv/put", b'{"key": "Zw==", "value": "MQ=="}')
    found = post(own, "/v3/kv/range", b'{"key": "Zw=="}')
    assert (found["kvs"][0]["value"], found["count"]) == ("MQ==", "1")
    assert "header" in post(own, "/v3/cluster/member/list", b"{}")
    assert post(own, "/v3/maintenance/status", b"{}")["version"].startswith("3.")
    assert post(own, "/v3/auth/status", b"{}")["header"]["revision"]
    status, body = refused(own, "/v3/kv/range", b'{"key": "L2pvYnBvb2wvdjEvZmVuY2U="}')
    assert (status, body["code"]) == (403, 7)
    status, body = refused(own, "/v3/kv/range", b'{"kee": "Zw=="}')
    assert (status, body["details"][0]["field"]) == (400, "kee")
    status, body = refused(own, "/v3/kv/range", b"{}")
    assert (status, body["error"]) == (400, "etcdserver: key is not provided")


def test_authentication_on_an_etcd_that_runs_apart(apart: Served) -> None:
    ctl = apart.etcdctl
    assert "needs a role" in ctl.refused("auth", "enable")
    ctl("user", "add", "root:pass")
    ctl("user", "grant-role", "root", "root")
    ctl("user", "add", "ann:secret")
    ctl("role", "add", "writer")
    ctl("role", "grant-permission", "writer", "readwrite", "k/", "--prefix=true")
    ctl("user", "grant-role", "ann", "writer")
    ctl("auth", "enable")
    root, ann = ctl.as_user("root:pass"), ctl.as_user("ann:secret")
    assert "user name is empty" in ctl.refused("get", "k/a")
    assert ann("put", "k/a", "1") == "OK"
    assert "permission denied" in ann.refused("put", "other", "1")
    assert "permission denied" in ann.refused("get", "", "--prefix")
    assert DENIED in root.refused("get", f"{PREFIX}fence")
    assert root("get", "", "--prefix", "--keys-only") == "k/a"
    assert "permission denied" in ann.refused("user", "list")
    assert "permission denied" in ann.refused("snapshot", "save", "s.db")
    post(apart, "/v3/schedule/plans", plan("p"))  # the server goes on with its own user
    assert apart.server.terminate() == 0
    apart.server.start_until("answers at")
    assert apart.server.alive
    root("auth", "disable")
    assert ctl("get", "k/a", "--print-value-only") == "1"


def test_the_embedded_engine(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("embedded")
    server = start(directory)
    try:
        ctl = Etcdctl(server.url, directory)
        assert "the etcd engine" in ctl.refused("put", "a", "1")
        assert ctl.json("member", "list")["members"][0]["clientURLs"] == [server.url]
        assert server.url in ctl("endpoint", "status")
        assert ctl.as_user("a:b").json("member", "list")["members"], "clients go on where authentication is off"
    finally:
        server.close()
