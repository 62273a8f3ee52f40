"""Settings of a member that are refused, by their key."""

from pathlib import Path

import msgspec
import pytest

from jobpool.etcd.config import LEAST_QUOTA, MemberConfig, PeerTls, check, members_of
from jobpool.model.errors import InvalidArgument

GOOD = MemberConfig(data_dir=Path("/data"))
CERTIFIED = PeerTls(cert_file="c", key_file="k")


@pytest.mark.parametrize(
    "config",
    [
        GOOD,
        MemberConfig(data_dir=Path("d"), listen_peer_urls=("http://[::1]:2380",)),
        MemberConfig(
            data_dir=Path("d"),
            listen_peer_urls=("https://0.0.0.0:2380",),
            initial_advertise_peer_urls=("https://one.example:2380",),
            peer_tls=CERTIFIED,
        ),
        MemberConfig(data_dir=Path("d"), heartbeat_interval=10_000, election_timeout=50_000),
        MemberConfig(data_dir=Path("d"), auto_compaction_retention="30m"),
        MemberConfig(data_dir=Path("d"), auto_compaction_retention="2"),
        MemberConfig(data_dir=Path("d"), auto_compaction_mode="revision", auto_compaction_retention="1000"),
        MemberConfig(data_dir=Path("d"), quota_backend_bytes=0, max_wals=0, max_snapshots=0),
        MemberConfig(data_dir=Path("d"), quota_backend_bytes=LEAST_QUOTA),
    ],
)
def test_what_etcd_takes_is_taken(config: MemberConfig) -> None:
    check(config)


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "a=b"}),
        ("listen-peer-urls", {"listen_peer_urls": ()}),
        ("listen-peer-urls", {"listen_peer_urls": ("127.0.0.1:2380",)}),
        ("listen-peer-urls", {"listen_peer_urls": ("http://127.0.0.1",)}),
        ("listen-peer-urls", {"listen_peer_urls": ("http://127.0.0.1:2380/x",)}),
        ("listen-peer-urls", {"listen_peer_urls": ("http://one.example:2380",)}),
        ("listen-peer-urls", {"listen_peer_urls": ("https://127.0.0.1:2380",)}),
        ("initial-advertise-peer-urls", {"listen_peer_urls": ("http://0.0.0.0:2380",)}),
        ("initial-advertise-peer-urls", {"initial_advertise_peer_urls": ("http://[::]:2380",)}),
        ("initial-advertise-peer-urls", {"initial_advertise_peer_urls": ("https://one:2380",)}),
        ("initial-cluster", {"initial_cluster": "default"}),
        ("initial-cluster", {"initial_cluster": "default=one:2380"}),
        ("initial-cluster", {"initial_cluster": "other=http://localhost:2380"}),
        ("initial-cluster-state", {"initial_cluster_state": "old"}),
        ("initial-cluster-token", {"initial_cluster_token": ""}),
        ("heartbeat-interval", {"heartbeat_interval": 0}),
        ("election-timeout", {"election_timeout": 499}),
        ("election-timeout", {"election_timeout": 50_001}),
        ("election-timeout", {"heartbeat_interval": 300}),
        ("snapshot-count", {"snapshot_count": 0}),
        ("quota-backend-bytes", {"quota_backend_bytes": -1}),
        ("quota-backend-bytes", {"quota_backend_bytes": 40_000}),
        ("quota-backend-bytes", {"quota_backend_bytes": LEAST_QUOTA - 1}),
        ("max-snapshots", {"max_snapshots": -1}),
        ("max-wals", {"max_wals": -1}),
        ("backend-batch-limit", {"backend_batch_limit": -1}),
        ("backend-bbolt-freelist-type", {"backend_bbolt_freelist_type": "tree"}),
        ("listen-peer-urls", {"initial_cluster": "default=http://10.0.0.1:2380"}),
        ("max-txn-ops", {"max_txn_ops": 127}),
        ("max-request-bytes", {"max_request_bytes": 1_572_863}),
        ("auto-compaction-mode", {"auto_compaction_mode": "never"}),
        ("auto-compaction-retention", {"auto_compaction_retention": "soon"}),
        ("auto-compaction-retention", {"auto_compaction_retention": "1d"}),
        ("auto-compaction-retention", {"auto_compaction_retention": ""}),
        ("auto-compaction-retention", {"auto_compaction_mode": "revision", "auto_compaction_retention": "5m"}),
        ("log-level", {"log_level": "loud"}),
        ("peer-transport-security.key-file", {"peer_tls": PeerTls(cert_file="c")}),
        ("peer-transport-security.cert-file", {"peer_tls": PeerTls(key_file="k")}),
        ("peer-transport-security.client-key-file", {"peer_tls": PeerTls(client_cert_file="c")}),
        ("peer-transport-security.trusted-ca-file", {"peer_tls": PeerTls(client_cert_auth=True)}),
    ],
)
def test_what_etcd_would_refuse_is_refused_by_its_key(key: str, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check(msgspec.structs.replace(GOOD, **changes))
    assert refused.value.field == key


def test_the_election_timeout_says_what_it_depends_on() -> None:
    with pytest.raises(
        InvalidArgument, match=r"wanted 500 to 50000 ms \(at least 5 times heartbeat-interval\), found 400"
    ):
        check(msgspec.structs.replace(GOOD, election_timeout=400))


def test_a_member_may_have_several_urls() -> None:
    cluster = "a=http://a1:2380,b=http://b:2380,a=http://a2:2380"
    assert members_of(cluster) == {"a": ["http://a1:2380", "http://a2:2380"], "b": ["http://b:2380"]}


def test_a_member_is_known_as_the_cluster_says() -> None:
    cluster = "a=http://a1:2380,default=http://d1:2380,default=http://d2:2380"
    listening = ("http://0.0.0.0:2380",)
    config = MemberConfig(data_dir=Path("d"), initial_cluster=cluster, listen_peer_urls=listening)
    check(config)
    assert config.advertised == ("http://d1:2380", "http://d2:2380")
    told = msgspec.structs.replace(config, initial_advertise_peer_urls=("http://other:2380",))
    assert told.advertised == ("http://other:2380",)
