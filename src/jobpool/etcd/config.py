"""What a member is told, under the keys that etcd and the original have for it; checked once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from jobpool.kit.pure.durations import Millis, parse_duration
from jobpool.kit.pure.hosts import host_of, is_address, is_loopback, is_wildcard
from jobpool.kit.pure.settings import split_url
from jobpool.model.errors import InvalidArgument

GIBIBYTE = 1024**3
ETCDS_QUOTA = 2 * GIBIBYTE
"""What etcd takes a quota of 0 for."""
MEBIBYTE = 1024**2
PEER_SECURITY = "peer-transport-security"
_LONGEST_ELECTION: Millis = 50_000
_LEAST_REQUEST = 1_572_864
LEAST_QUOTA = 16 * MEBIBYTE
"""An empty cluster and the room that upkeep works in: what it may give back comes in steps of megabytes."""
_LEVELS = ("debug", "info", "warn", "error")
_STATES = ("new", "existing")
_MODES = ("periodic", "revision")
_FREELISTS = ("map", "array")


class PeerTls(Struct, frozen=True, kw_only=True):
    """PEM files for the traffic between members; `auto_tls` makes certificates that encrypt and prove nothing.

    `cert_allowed_cn` and `cert_allowed_hostname`: only other members with such a certificate; commas between several.
    """

    cert_file: str = ""
    key_file: str = ""
    client_cert_file: str = ""
    client_key_file: str = ""
    client_cert_auth: bool = False
    trusted_ca_file: str = ""
    auto_tls: bool = False
    cert_allowed_cn: str = ""
    cert_allowed_hostname: str = ""
    crl_file: str = ""

    @property
    def files(self) -> Mapping[str, str]:
        """Those that are given, by key."""
        keys = ("cert_file", "key_file", "client_cert_file", "client_key_file", "trusted_ca_file", "crl_file")
        return {key.replace("_", "-"): path for key in keys if (path := getattr(self, key))}


class MemberConfig(Struct, frozen=True, kw_only=True):
    """`data_dir` is the server's; the member has `etcd/` in it. Spans are milliseconds, sizes bytes.

    Empty `initial_advertise_peer_urls` are this member's in `initial_cluster`; an empty `initial_cluster` is this
    member alone, under the URLs that it listens on. `backend_batch_*` 0 = as etcd has it. `force_new_cluster`: the
    member begins a cluster of its own with the data that it has, once, without the other members that it had.
    Four defaults are not the original's: transactions and requests may be as large as our commits, the quota is the
    8 GiB that etcd advises (its own, of 2 GiB, is 0), and `snapshot_count` is that of etcd 3.6: all transactions since
    the last snapshot are kept in memory, and ours are large.
    """

    name: str = "default"
    data_dir: Path
    wal_dir: str = ""
    listen_peer_urls: tuple[str, ...] = ("http://localhost:2380",)
    initial_advertise_peer_urls: tuple[str, ...] = ()
    initial_cluster: str = ""
    initial_cluster_state: str = "new"
    initial_cluster_token: str = "etcd-cluster"  # noqa: S105
    heartbeat_interval: Millis = 100
    election_timeout: Millis = 1000
    snapshot_count: int = 10_000
    quota_backend_bytes: int = 8 * GIBIBYTE
    auto_compaction_mode: str = "periodic"
    auto_compaction_retention: str = "0"
    max_snapshots: int = 5
    max_wals: int = 5
    max_txn_ops: int = 20_000
    max_request_bytes: int = 32 * MEBIBYTE
    strict_reconfig_check: bool = True
    pre_vote: bool = True
    initial_election_tick_advance: bool = True
    backend_batch_interval: Millis = 0
    backend_batch_limit: int = 0
    backend_bbolt_freelist_type: str = "map"
    force_new_cluster: bool = False
    peer_tls: PeerTls = PeerTls()
    log_level: str = "info"

    @property
    def directory(self) -> Path:
        """etcd's own data directory."""
        return self.data_dir / "etcd"

    @property
    def advertised(self) -> tuple[str, ...]:
        """Where the other members reach this one. Raises InvalidArgument for an `initial_cluster` that is none."""
        if self.initial_advertise_peer_urls or not self.initial_cluster:
            return self.initial_advertise_peer_urls or self.listen_peer_urls
        return tuple(members_of(self.initial_cluster).get(self.name, self.listen_peer_urls))

    @property
    def cluster(self) -> str:
        """`initial_cluster`, filled in."""
        return self.initial_cluster or ",".join(f"{self.name}={url}" for url in self.advertised)


def check(config: MemberConfig) -> None:
    """Raises InvalidArgument naming the key, what was wanted and what was found. Touches no file."""
    _check_name(config.name)
    _check_listened(config)
    if config.initial_cluster:
        _check_cluster(config)
    _check_advertised(config)
    _check_tls(config.peer_tls)
    _check_times(config)
    _check_sizes(config)
    _one_of("initial-cluster-state", config.initial_cluster_state, _STATES)
    _one_of("log-level", config.log_level, _LEVELS)
    _one_of("backend-bbolt-freelist-type", config.backend_bbolt_freelist_type, _FREELISTS)
    _check_compaction(config.auto_compaction_mode, config.auto_compaction_retention)
    if not config.initial_cluster_token or not config.initial_cluster_token.isprintable():
        raise _refused("initial-cluster-token", "a text", config.initial_cluster_token)


def members_of(cluster: str) -> dict[str, list[str]]:
    """The peer URLs of each member, from `name=url,name=url`. Raises InvalidArgument."""
    members: dict[str, list[str]] = {}
    for part in cluster.split(","):
        name, mark, url = part.strip().partition("=")
        if not mark or not name or not _is_peer_url(url):
            raise _refused("initial-cluster", "name=http://host:port with commas between", cluster)
        members.setdefault(name, []).append(url)
    return members


def _check_name(name: str) -> None:
    if not name or not name.isprintable() or any(sign in name for sign in "=, "):
        raise _refused("name", "a name without '=', ',' or blanks", name)


def _check_listened(config: MemberConfig) -> None:
    key = "listen-peer-urls"
    for url in config.listen_peer_urls:
        if not _is_peer_url(url) or not (host_of(url) == "localhost" or is_address(host_of(url))):
            raise _refused(key, "http(s)://ADDRESS:PORT, where names other than localhost won't do", url)
    _check_scheme(key, config.listen_peer_urls, config.peer_tls)


def _check_advertised(config: MemberConfig) -> None:
    key = "initial-advertise-peer-urls"
    for url in config.advertised:
        if not _is_peer_url(url) or is_wildcard(host_of(url)):
            raise _refused(key, "http(s)://HOST:PORT under which other members find this one", url)
    _check_scheme(key, config.advertised, config.peer_tls)
    called = [url for url in config.advertised if not is_loopback(host_of(url))]
    if called and all(is_loopback(host_of(url)) for url in config.listen_peer_urls):
        raise _refused(
            "listen-peer-urls",
            f"an address of this machine that other members reach, as {called[0]} is given them",
            ",".join(config.listen_peer_urls),
        )


def _check_scheme(key: str, urls: Sequence[str], tls: PeerTls) -> None:
    if not urls:
        raise _refused(key, "at least one URL", "")
    if not (tls.auto_tls or tls.cert_file) and any(url.startswith("https:") for url in urls):
        raise InvalidArgument(key, f"https needs cert-file and key-file, or auto-tls, below {PEER_SECURITY!r}")


def _check_cluster(config: MemberConfig) -> None:
    members = members_of(config.cluster)
    if config.name not in members:
        raise InvalidArgument(
            "initial-cluster", f"wanted this member, {config.name!r}, among the others, found {', '.join(members)}"
        )


def _check_tls(tls: PeerTls) -> None:
    for cert, key in (("cert_file", "key_file"), ("client_cert_file", "client_key_file")):
        if bool(getattr(tls, cert)) != bool(getattr(tls, key)):
            missing = key if getattr(tls, cert) else cert
            raise InvalidArgument(_below(missing), f"{_plain(cert)} and {_plain(key)} go together; this one is missing")
    if tls.client_cert_auth and not (tls.trusted_ca_file or tls.auto_tls):
        raise InvalidArgument(
            _below("trusted_ca_file"), "client-cert-auth needs it: the CA of the members' certificates"
        )


def _check_times(config: MemberConfig) -> None:
    if config.heartbeat_interval < 1:
        raise _refused("heartbeat-interval", "at least 1 ms", config.heartbeat_interval)
    least = 5 * config.heartbeat_interval
    if not least <= config.election_timeout <= _LONGEST_ELECTION:
        wanted = f"{least} to {_LONGEST_ELECTION} ms (at least 5 times heartbeat-interval)"
        raise _refused("election-timeout", wanted, config.election_timeout)


def _check_sizes(config: MemberConfig) -> None:
    for key, value, least in (
        ("snapshot-count", config.snapshot_count, 1),
        ("quota-backend-bytes", config.quota_backend_bytes, 0),
        ("max-snapshots", config.max_snapshots, 0),
        ("max-wals", config.max_wals, 0),
        ("backend-batch-interval", config.backend_batch_interval, 0),
        ("backend-batch-limit", config.backend_batch_limit, 0),
        ("max-txn-ops", config.max_txn_ops, 128),
        ("max-request-bytes", config.max_request_bytes, _LEAST_REQUEST),
    ):
        if value < least:
            raise _refused(key, f"at least {least}", value)
    if 0 < config.quota_backend_bytes < LEAST_QUOTA:
        wanted = f"at least {LEAST_QUOTA} ({LEAST_QUOTA // MEBIBYTE} MiB), or 0 for etcd's own {ETCDS_QUOTA}"
        raise _refused("quota-backend-bytes", wanted, config.quota_backend_bytes)


def _check_compaction(mode: str, retention: str) -> None:
    _one_of("auto-compaction-mode", mode, _MODES)
    if retention.isascii() and retention.isdecimal():
        return
    wanted = "a number of revisions" if mode == "revision" else "hours, or a duration such as 30m"
    try:
        fits = mode == "periodic" and "d" not in retention and parse_duration(retention) > 0
    except ValueError:
        fits = False
    if not fits:
        raise _refused("auto-compaction-retention", wanted, retention)


def _one_of(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise _refused(key, f"one of {', '.join(choices)}", value)


def _is_peer_url(url: str) -> bool:
    parts = split_url(url)
    return parts is not None and bool(parts.port) and "," not in url


def _plain(name: str) -> str:
    return name.replace("_", "-")


def _below(name: str) -> str:
    return f"{PEER_SECURITY}.{_plain(name)}"


def _refused(key: str, wanted: str, found: str | int) -> InvalidArgument:
    return InvalidArgument(key, f"wanted {wanted}, found {found!r}")
