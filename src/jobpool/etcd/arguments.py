"""A member's configuration as etcd's argument list, for the version that will read it."""

from pathlib import Path

from jobpool.etcd.config import MemberConfig, PeerTls
from jobpool.etcd.doors import Doors

LOG = "etcd.log"
"""In etcd's working directory. A path is read by etcd as a URL, in which `%` and `#` have a meaning; a name is not."""

_ROTATION = '{"maxsize": 16, "maxbackups": 1}'  # MiB a file, and files besides the one that is written

_RENAMED_IN = (3, 6)
# What etcd knew as experimental before 3.6, with what it is called since; 3.7 knows the new names only.
_GATES = (
    # Compare with the other members before serving, and whenever the leader compacts: damage shows early (P8).
    ("--experimental-initial-corrupt-check=true", "InitialCorruptCheck=true"),
    ("--experimental-compact-hash-check-enabled=true", "CompactHashCheck=true"),
)
_RENAMED = (
    # A quiet watch says how far it is; by itself etcd does so every ten minutes.
    ("--experimental-watch-progress-notify-interval=5s", "--watch-progress-notify-interval=5s"),
)
# 3.6 announces that 3.7 will no longer know these; it keeps snapshots as these settings' defaults say.
_DROPPED_IN = (3, 7)
_DROPPED = ("snapshot-count", "max-snapshots")


def arguments(config: MemberConfig, version: tuple[int, int, int], doors: Doors) -> list[str]:
    """All flags. gRPC is served at one of the doors, `/health` and `/metrics` at the other: at one and the same etcd
    would have to look into every connection, and advises against it.
    """
    pairs: list[tuple[str, str | int | bool]] = [
        ("name", config.name),
        ("data-dir", str(config.directory.absolute())),
        ("listen-peer-urls", ",".join(config.listen_peer_urls)),
        ("initial-advertise-peer-urls", ",".join(config.advertised)),
        ("initial-cluster", config.cluster),
        ("initial-cluster-state", config.initial_cluster_state),
        ("initial-cluster-token", config.initial_cluster_token),
        ("listen-client-urls", doors.client_url),
        ("listen-client-http-urls", doors.http_url),
        ("advertise-client-urls", doors.told),
        ("enable-grpc-gateway", False),
        ("heartbeat-interval", config.heartbeat_interval),
        ("election-timeout", config.election_timeout),
        ("quota-backend-bytes", config.quota_backend_bytes),
        ("auto-compaction-mode", config.auto_compaction_mode),
        ("auto-compaction-retention", config.auto_compaction_retention),
        ("snapshot-count", config.snapshot_count),
        ("max-snapshots", config.max_snapshots),
        ("max-wals", config.max_wals),
        ("max-txn-ops", config.max_txn_ops),
        ("max-request-bytes", config.max_request_bytes),
        ("strict-reconfig-check", config.strict_reconfig_check),
        ("pre-vote", config.pre_vote),
        ("logger", "zap"),
        ("log-level", config.log_level),
        ("log-outputs", LOG),
        ("enable-log-rotation", True),
        ("log-rotation-config-json", _ROTATION),
    ]
    pairs += _unusual(config)
    known = [pair for pair in pairs if version < _DROPPED_IN or pair[0] not in _DROPPED]
    return [*(f"--{key}={_spelled(value)}" for key, value in known), *_peer_tls(config.peer_tls), *_renamed(version)]


def _unusual(config: MemberConfig) -> list[tuple[str, str | int | bool]]:
    """What few set: told only when it is not as etcd has it, so that a version may have forgotten the flag."""
    pairs: list[tuple[str, str | int | bool]] = []
    if config.wal_dir:
        pairs.append(("wal-dir", _absolute(config.wal_dir)))
    if not config.initial_election_tick_advance:
        pairs.append(("initial-election-tick-advance", False))
    if config.backend_batch_interval:
        pairs.append(("backend-batch-interval", f"{config.backend_batch_interval}ms"))
    if config.backend_batch_limit:
        pairs.append(("backend-batch-limit", config.backend_batch_limit))
    if config.backend_bbolt_freelist_type != MemberConfig(data_dir=Path()).backend_bbolt_freelist_type:
        pairs.append(("backend-bbolt-freelist-type", config.backend_bbolt_freelist_type))
    if config.force_new_cluster:
        pairs.append(("force-new-cluster", True))
    return pairs


def _renamed(version: tuple[int, int, int]) -> list[str]:
    if version < _RENAMED_IN:
        return [before for before, _ in (*_GATES, *_RENAMED)]
    return [f"--feature-gates={','.join(gate for _, gate in _GATES)}", *(after for _, after in _RENAMED)]


def _peer_tls(tls: PeerTls) -> list[str]:
    flags = [f"--peer-{key}={_absolute(path)}" for key, path in tls.files.items()]
    if tls.client_cert_auth:
        flags.append("--peer-client-cert-auth=true")
    if tls.auto_tls:
        flags.append("--peer-auto-tls=true")
    if tls.cert_allowed_cn:
        flags.append(f"--peer-cert-allowed-cn={tls.cert_allowed_cn}")
    if tls.cert_allowed_hostname:
        flags.append(f"--peer-cert-allowed-hostname={tls.cert_allowed_hostname}")
    return flags


def _absolute(path: str) -> str:
    """etcd has a working directory of its own."""
    return str(Path(path).absolute())


def _spelled(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
