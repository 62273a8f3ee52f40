"""What etcd is started with, for each version."""

from pathlib import Path

import pytest

from jobpool.etcd.arguments import arguments
from jobpool.etcd.config import MemberConfig, PeerTls
from jobpool.etcd.doors import Doors

DOORS = Doors(
    client_url="unix://sockets/grpc",
    http_url="unix://sockets/http",
    told="unix://name:0",
    endpoint="unix:///data/sockets/grpc",
    health=Path("/data/sockets/http"),
)
CONFIG = MemberConfig(data_dir=Path("/data"), name="one", listen_peer_urls=("http://127.0.0.1:2380",))


def flags_of(config: MemberConfig = CONFIG, version: tuple[int, int, int] = (3, 5, 30)) -> dict[str, str]:
    words = arguments(config, version, DOORS)
    assert all(word.startswith("--") for word in words)
    pairs = [word.removeprefix("--").partition("=") for word in words]
    flags = {key: value for key, _, value in pairs}
    assert len(flags) == len(pairs), "a flag is given twice"
    return flags


def test_a_member_alone_is_its_own_cluster() -> None:
    flags = flags_of()
    assert flags["initial-cluster"] == "one=http://127.0.0.1:2380"
    assert flags["initial-advertise-peer-urls"] == "http://127.0.0.1:2380"
    assert flags["data-dir"] == "/data/etcd"


def test_clients_are_served_at_the_doors_only() -> None:
    flags = flags_of()
    assert flags["listen-client-urls"] == "unix://sockets/grpc"
    assert flags["listen-client-http-urls"] == "unix://sockets/http"
    assert flags["advertise-client-urls"] == "unix://name:0"
    assert "listen-metrics-urls" not in flags


def test_large_commits_fit_by_default() -> None:
    flags = flags_of()
    assert (flags["max-txn-ops"], flags["max-request-bytes"]) == ("20000", "33554432")


def test_logs_go_to_a_file_that_is_bounded() -> None:
    flags = flags_of()
    assert flags["log-outputs"] == "etcd.log"
    assert flags["enable-log-rotation"] == "true"
    assert flags["log-rotation-config-json"] == '{"maxsize": 16, "maxbackups": 1}'


@pytest.mark.parametrize("version", [(3, 5, 18), (3, 5, 30)])
def test_before_3_6_the_checks_are_experimental(version: tuple[int, int, int]) -> None:
    flags = flags_of(version=version)
    assert flags["experimental-initial-corrupt-check"] == "true"
    assert flags["experimental-compact-hash-check-enabled"] == "true"
    assert flags["experimental-watch-progress-notify-interval"] == "5s"
    assert "feature-gates" not in flags


@pytest.mark.parametrize("version", [(3, 6, 0), (3, 6, 12), (3, 7, 0)])
def test_since_3_6_nothing_is_experimental(version: tuple[int, int, int]) -> None:
    flags = flags_of(version=version)
    assert flags["feature-gates"] == "InitialCorruptCheck=true,CompactHashCheck=true"
    assert flags["watch-progress-notify-interval"] == "5s"
    assert not [key for key in flags if key.startswith("experimental")]


def test_3_7_is_not_told_what_it_no_longer_knows() -> None:
    dropped = {"snapshot-count", "max-snapshots"}
    assert dropped <= flags_of(version=(3, 6, 9)).keys()
    assert not dropped & flags_of(version=(3, 7, 0)).keys()


def test_every_setting_arrives() -> None:
    config = MemberConfig(
        name="two",
        data_dir=Path("/data"),
        wal_dir="/wal",
        listen_peer_urls=("http://10.0.0.2:2380", "http://127.0.0.1:2380"),
        initial_advertise_peer_urls=("http://two:2380",),
        initial_cluster="one=http://one:2380,two=http://two:2380",
        initial_cluster_state="existing",
        initial_cluster_token="mine",
        heartbeat_interval=50,
        election_timeout=500,
        snapshot_count=7,
        quota_backend_bytes=8,
        auto_compaction_mode="revision",
        auto_compaction_retention="9",
        max_snapshots=3,
        max_wals=4,
        max_txn_ops=500,
        max_request_bytes=2_000_000,
        strict_reconfig_check=False,
        pre_vote=False,
        initial_election_tick_advance=False,
        backend_batch_interval=50,
        backend_batch_limit=100,
        backend_bbolt_freelist_type="array",
        force_new_cluster=True,
        log_level="warn",
    )
    expected = {
        "name": "two",
        "wal-dir": "/wal",
        "listen-peer-urls": "http://10.0.0.2:2380,http://127.0.0.1:2380",
        "initial-advertise-peer-urls": "http://two:2380",
        "initial-cluster": "one=http://one:2380,two=http://two:2380",
        "initial-cluster-state": "existing",
        "initial-cluster-token": "mine",
        "heartbeat-interval": "50",
        "election-timeout": "500",
        "snapshot-count": "7",
        "quota-backend-bytes": "8",
        "auto-compaction-mode": "revision",
        "auto-compaction-retention": "9",
        "max-snapshots": "3",
        "max-wals": "4",
        "max-txn-ops": "500",
        "max-request-bytes": "2000000",
        "strict-reconfig-check": "false",
        "pre-vote": "false",
        "initial-election-tick-advance": "false",
        "backend-batch-interval": "50ms",
        "backend-batch-limit": "100",
        "backend-bbolt-freelist-type": "array",
        "force-new-cluster": "true",
        "log-level": "warn",
    }
    flags = flags_of(config)
    assert {key: flags[key] for key in expected} == expected


def test_peer_certificates_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tls = PeerTls(cert_file="peer.crt", key_file="/keys/peer.key", trusted_ca_file="ca.crt", client_cert_auth=True)
    flags = flags_of(MemberConfig(data_dir=Path("/data"), peer_tls=tls))
    assert {key: value for key, value in flags.items() if key.startswith("peer-")} == {
        "peer-cert-file": f"{tmp_path}/peer.crt",
        "peer-key-file": "/keys/peer.key",
        "peer-trusted-ca-file": f"{tmp_path}/ca.crt",
        "peer-client-cert-auth": "true",
    }


def test_what_few_set_is_not_told_unless_it_is_set() -> None:
    rare = ("initial-election", "backend-", "force-", "wal-dir", "peer-")
    assert [key for key in flags_of() if key.startswith(rare)] == []


def test_peers_may_be_held_to_their_names() -> None:
    tls = PeerTls(cert_allowed_cn="jobpool", cert_allowed_hostname="a,b", crl_file="/keys/gone.crl")
    flags = flags_of(MemberConfig(data_dir=Path("/data"), peer_tls=tls))
    assert flags["peer-cert-allowed-cn"] == "jobpool"
    assert flags["peer-cert-allowed-hostname"] == "a,b"
    assert flags["peer-crl-file"] == "/keys/gone.crl"


def test_certificates_can_be_made_by_etcd() -> None:
    flags = flags_of(MemberConfig(data_dir=Path("/data"), peer_tls=PeerTls(auto_tls=True)))
    assert flags["peer-auto-tls"] == "true"
