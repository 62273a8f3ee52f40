"""Reads a server's configuration: flags over environment over file over defaults, every value checked, once.

The keys are the original's. A key that means nothing to the chosen engine is refused rather than ignored: whoever
writes it expects a cluster, and would get a single server.
"""

import re
from collections.abc import Mapping

import msgspec

from jobpool.kit.effects.logging import FORMATS, LEVELS
from jobpool.kit.pure.durations import SECOND, format_duration
from jobpool.kit.pure.settings import BadSetting, Setting, Settings
from jobpool.model.errors import InvalidArgument
from jobpool.server.addresses import read_advertised, read_hosts, read_listened
from jobpool.server.config import ServerConfig, Tls
from jobpool.server.etcd_settings import read_etcd, read_user
from jobpool.server.given import Given
from jobpool.server.keys import CLIENT
from jobpool.timetable.zones import find_zone, similar_zones

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_MOST_WORKERS = 1000
_MOST_SLOTS = 1_000_000
_DEFAULT = ServerConfig()


def load(
    flags: Mapping[str, str], environment: Mapping[str, str], file: Mapping[str, Setting], *, path: str = ""
) -> ServerConfig:
    """A checked configuration. `flags` by key without dashes before it; `file` as YAML gives it, found at `path`.

    Raises InvalidArgument naming the key, what was wanted and where the value came from.
    """
    try:
        return _load(Given(flags, environment, file, path))
    except BadSetting as error:
        raise InvalidArgument(error.key, error.reason) from error


def _load(given: Given) -> ServerConfig:
    given.check()
    settings = given.settings
    tls = _tls(given.of(CLIENT))
    config = ServerConfig(
        name=_name(settings),
        data_dir=settings.text("data-dir", ""),
        etcd_binary=settings.text("etcd-binary", ""),
        listen_client_urls=read_listened(settings, secure=tls.enabled),
        host_whitelist=read_hosts(settings),
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
        enable_etcd_api=settings.flag("enable-etcd-api", default=_DEFAULT.enable_etcd_api),
        require_callback_token=settings.flag("require-callback-token", default=_DEFAULT.require_callback_token),
        log_level=settings.choice("log-level", _DEFAULT.log_level, LEVELS),
        log_format=settings.choice("log-format", _DEFAULT.log_format, FORMATS),
    )
    etcd = read_etcd(given, config)
    advertised = read_advertised(settings, config.listen_client_urls, etcd)
    user = read_user(given, etcd)
    return msgspec.structs.replace(config, etcd=etcd, etcd_user=user, advertise_client_urls=advertised)


def _name(settings: Settings) -> str:
    name = settings.text("name", _DEFAULT.name)
    if not _NAME.fullmatch(name):
        raise settings.refuse("name", "up to 128 letters, digits, '.', '_' or '-', the first a letter or digit")
    return name


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
        client_cert_file=settings.text("client-cert-file", ""),
        client_key_file=settings.text("client-key-file", ""),
    )
    _check_pair(settings, "cert-file", "key-file")
    _check_pair(settings, "client-cert-file", "client-key-file")
    if tls.client_cert_auth and not tls.trusted_ca_file:
        raise BadSetting("trusted-ca-file", "client-cert-auth needs it: the CA that clients' certificates come from")
    return tls


def _check_pair(settings: Settings, cert: str, key: str) -> None:
    given = [name for name in (cert, key) if settings.text(name, "")]
    if len(given) == 1:
        raise BadSetting(key if given == [cert] else cert, f"{cert} and {key} go together; this one is missing")
