"""Reads a server's configuration: flags over environment over file over defaults, every value checked, once.

The keys are the original's. A key that only means something to the etcd engine is refused rather than ignored: whoever
writes it expects a cluster, and would get a single server.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_address

from jobpool.kit.effects.logging import FORMATS, LEVELS
from jobpool.kit.pure.durations import SECOND, format_duration
from jobpool.kit.pure.settings import BadSetting, Setting, Settings, Source, block, check_known, split_url
from jobpool.model.errors import InvalidArgument
from jobpool.server.config import ServerConfig, Tls
from jobpool.timetable.zones import find_zone, similar_zones

PREFIX = "JOBPOOL_SERVER_"
SECURITY = "client-transport-security"
TLS_KEYS = ("cert-file", "key-file", "trusted-ca-file", "client-cert-auth")
KEYS = (
    "name",
    "data-dir",
    "engine",
    "listen-client-urls",
    "host-whitelist",
    "worker-number",
    "job-parallelism-limit",
    "default-time-zone",
    "min-heartbeat-ttl",
    "failover-heartbeat-ttl",
    "job-gc-threshold",
    "eval-gc-threshold",
    "node-gc-threshold",
    "keep-finished-runs",
    "allow-remote-snapshot",
    "log-level",
    "log-format",
)
ENGINES = ("auto", "embedded")
NEEDS_ETCD = "needs the etcd engine, which this version does not have"
ETCD_KEYS = frozenset(
    {
        "advertise-client-urls",
        "auto-compaction-mode",
        "auto-compaction-retention",
        "backend-batch-interval",
        "backend-batch-limit",
        "backend-bbolt-freelist-type",
        "discovery",
        "discovery-fallback",
        "discovery-proxy",
        "discovery-srv",
        "discovery-srv-name",
        "election-timeout",
        "etcd-endpoints",
        "force-new-cluster",
        "heartbeat-interval",
        "initial-advertise-peer-urls",
        "initial-cluster",
        "initial-cluster-state",
        "initial-cluster-token",
        "initial-election-tick-advance",
        "listen-peer-urls",
        "max-snapshots",
        "max-wals",
        "peer-auto-tls",
        "peer-cert-allowed-cn",
        "peer-cert-file",
        "peer-client-cert-auth",
        "peer-key-file",
        "peer-transport-security",
        "peer-trusted-ca-file",
        "pre-vote",
        "quota-backend-bytes",
        "snapshot-count",
        "strict-reconfig-check",
        "wal-dir",
    }
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(r"\*|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_MOST_WORKERS = 1000
_MOST_SLOTS = 1_000_000
_DEFAULT = ServerConfig()


def variable(key: str) -> str:
    """`data-dir` → `JOBPOOL_SERVER_DATA_DIR`."""
    return PREFIX + key.replace("-", "_").upper()


def load(
    flags: Mapping[str, str], environment: Mapping[str, str], file: Mapping[str, Setting], *, path: str = ""
) -> ServerConfig:
    """A checked configuration. `flags` by key without dashes before it; `file` as YAML gives it, found at `path`.

    Raises InvalidArgument naming the key, what was wanted and where the value came from.
    """
    try:
        return _load(flags, environment, file, path=path)
    except BadSetting as error:
        raise InvalidArgument(error.key, error.reason) from error


def exposed(config: ServerConfig) -> Sequence[str]:
    """The URLs on which other machines can speak to this server in clear."""
    return [url for url in config.listen_client_urls if url.startswith("http:") and not _is_loopback(url)]


def _load(
    flags: Mapping[str, str], environment: Mapping[str, str], file: Mapping[str, Setting], *, path: str
) -> ServerConfig:
    _refuse_etcd([key for key in ETCD_KEYS if environment.get(variable(key))])
    _check_keys(file)
    spoken = {key: environment[variable(key)] for key in (*KEYS, *TLS_KEYS) if variable(key) in environment}
    given = (Source(flags, lambda key: f"--{key}"), Source(spoken, variable))
    settings = Settings([*given, Source(file, lambda key: path)])
    tls = _tls(Settings([*given, Source(block(SECURITY, file), lambda key: path)]))
    return ServerConfig(
        name=_name(settings),
        data_dir=settings.text("data-dir", ""),
        engine=_engine(settings),
        listen_client_urls=_urls(settings, secure=tls.enabled),
        host_whitelist=_hosts(settings),
        tls=tls,
        worker_number=settings.whole("worker-number", _DEFAULT.worker_number, low=0, high=_MOST_WORKERS),
        job_parallelism_limit=settings.whole(
            "job-parallelism-limit", _DEFAULT.job_parallelism_limit, low=1, high=_MOST_SLOTS
        ),
        default_time_zone=_zone(settings),
        min_heartbeat_ttl=settings.span("min-heartbeat-ttl", _DEFAULT.min_heartbeat_ttl, low=SECOND // 10),
        failover_heartbeat_ttl=settings.span("failover-heartbeat-ttl", _DEFAULT.failover_heartbeat_ttl),
        job_gc_threshold=_retention(settings),
        node_gc_threshold=settings.span("node-gc-threshold", _DEFAULT.node_gc_threshold, low=SECOND),
        keep_finished_runs=settings.whole("keep-finished-runs", _DEFAULT.keep_finished_runs, low=1, high=10**9),
        allow_remote_snapshot=settings.flag("allow-remote-snapshot", default=_DEFAULT.allow_remote_snapshot),
        log_level=settings.choice("log-level", _DEFAULT.log_level, LEVELS),
        log_format=settings.choice("log-format", _DEFAULT.log_format, FORMATS),
    )


def _refuse_etcd(keys: Collection[str]) -> None:
    for key in sorted(keys):
        plain = key.removeprefix("ETCD_").lower().replace("_", "-")  # the original's samples write some in capitals
        if plain in ETCD_KEYS:
            raise BadSetting(key, f"{NEEDS_ETCD}; leave it out to run a single server on the embedded engine")


def _check_keys(file: Mapping[str, Setting]) -> None:
    _refuse_etcd(file)
    for key in file:
        if key in TLS_KEYS:
            raise BadSetting(key, f"belongs below {SECURITY!r} in a configuration file")
    check_known(file, (*KEYS, SECURITY))
    check_known(block(SECURITY, file), TLS_KEYS, below=f"{SECURITY}.")


def _name(settings: Settings) -> str:
    name = settings.text("name", _DEFAULT.name)
    if not _NAME.fullmatch(name):
        raise settings.refuse("name", "up to 128 letters, digits, '.', '_' or '-', the first a letter or digit")
    return name


def _engine(settings: Settings) -> str:
    if settings.raw("engine")[0] == "etcd":
        raise BadSetting("engine", f"'etcd' {NEEDS_ETCD}; wanted one of {', '.join(ENGINES)}")
    return settings.choice("engine", _DEFAULT.engine, ENGINES)


def _urls(settings: Settings, *, secure: bool) -> tuple[str, ...]:
    key = "listen-client-urls"
    urls = settings.words(key, _DEFAULT.listen_client_urls)
    for url in urls:
        parts = split_url(url)
        if parts is None or parts.port is None:
            raise settings.refuse(key, "URLs such as http://127.0.0.1:2379, with commas between")
        if parts.scheme == "https" and not secure:
            raise BadSetting(key, f"{url} needs a certificate: give cert-file and key-file")
    return urls


def _hosts(settings: Settings) -> tuple[str, ...]:
    hosts = settings.words("host-whitelist", _DEFAULT.host_whitelist, least=0)
    for host in hosts:
        if not _HOST.fullmatch(host) and not _is_address(host.strip("[]")):
            raise settings.refuse("host-whitelist", "host names or addresses without port, or '*' for all")
    return hosts


def _zone(settings: Settings) -> str:
    name = settings.text("default-time-zone", _DEFAULT.default_time_zone)
    if find_zone(name) is None:
        near = " or ".join(similar_zones(name)) or "Europe/Berlin"
        raise settings.refuse("default-time-zone", f"an IANA zone such as {near}")
    return name


def _retention(settings: Settings) -> int:
    """A run and its evaluations are one record here, so both of the original's limits must say the same."""
    limit = settings.span("job-gc-threshold", _DEFAULT.job_gc_threshold, low=SECOND)
    if settings.span("eval-gc-threshold", limit) != limit:
        raise settings.refuse(
            "eval-gc-threshold",
            f"the same as job-gc-threshold ({format_duration(limit)}), as evaluations are kept with their runs",
        )
    return limit


def _tls(settings: Settings) -> Tls:
    tls = Tls(
        cert_file=settings.text("cert-file", ""),
        key_file=settings.text("key-file", ""),
        trusted_ca_file=settings.text("trusted-ca-file", ""),
        client_cert_auth=settings.flag("client-cert-auth", default=False),
    )
    if bool(tls.cert_file) != bool(tls.key_file):
        missing = "key-file" if tls.cert_file else "cert-file"
        raise BadSetting(missing, "cert-file and key-file go together; this one is missing")
    if tls.client_cert_auth and not tls.trusted_ca_file:
        raise BadSetting("trusted-ca-file", "client-cert-auth needs it: the CA that clients' certificates come from")
    return tls


def _is_loopback(url: str) -> bool:
    parts = split_url(url)
    host = parts.hostname if parts is not None else None
    return host == "localhost" or (host is not None and _is_address(host) and ip_address(host).is_loopback)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
