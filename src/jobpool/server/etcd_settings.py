"""Reads which engine a server is to have: the embedded one, an etcd of its own, or one that runs already."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jobpool.etcd.config import PEER_SECURITY, MemberConfig, PeerTls, check
from jobpool.kit.pure.settings import BadSetting
from jobpool.model.errors import InvalidArgument
from jobpool.server.config import ExternalEtcd, ServerConfig
from jobpool.server.given import Given
from jobpool.server.keys import ETCD, EXTERNAL_KEYS, MEMBER_KEYS, PEER, USER_KEYS, variable
from jobpool.store.engines.etcd.keys import keyspace
from jobpool.store.engines.etcd.settings import DEFAULT_PREFIX, Tls, User, parse_endpoint

Made = TypeVar("Made")

ENGINES = ("auto", "embedded", "etcd")
ENDPOINTS = "etcd-endpoints"
CLUSTER = "initial-cluster"
QUOTA = "quota-backend-bytes"
_PASSWORD, _PASSWORD_FILE = "etcd-password", "etcd-password-file"
_ROOT = "root"
_LONGEST = 4096
_MOST = 2**62
_MOST_MILLIS = 50_000
_LEVELS = {"warning": "warn"}
_DEFAULT = MemberConfig(data_dir=Path())


def read_etcd(given: Given, config: ServerConfig) -> MemberConfig | ExternalEtcd | None:
    """What the server is to have of etcd; `config` has its name, data directory and log level. None = nothing.

    Raises BadSetting or InvalidArgument: for a bad value, and for a key that means nothing to the chosen engine.
    """
    settings = given.settings
    engine = settings.choice("engine", "auto", ENGINES)
    runs_already = settings.raw(ENDPOINTS)[0] is not None
    if engine == "embedded" or (engine == "auto" and not runs_already and settings.raw(CLUSTER)[0] is None):
        _refuse_idle(*given.first((*MEMBER_KEYS, *EXTERNAL_KEYS, *USER_KEYS), (PEER, ETCD)), why=_no_etcd(engine))
        return None
    if runs_already:
        why = f"is for an etcd that the server runs itself, but {ENDPOINTS} names one that runs already; leave one out"
        _refuse_idle(*given.first([key for key in MEMBER_KEYS if key != QUOTA], (PEER,)), why=why)
        return _external(given)
    why = f"is for an etcd that runs already: it needs {ENDPOINTS}"
    _refuse_idle(*given.first(EXTERNAL_KEYS, (ETCD,)), why=why)
    return _member(given, config)


def _no_etcd(engine: str) -> str:
    if engine == "embedded":
        return "means nothing to the embedded engine: leave it out, or leave 'engine' out"
    return (
        f"needs the etcd engine: give {CLUSTER} (servers that each run an etcd of their own), {ENDPOINTS} (an etcd "
        "that runs already), or 'engine: etcd'; leave it out to run a single server on the embedded engine"
    )


def _refuse_idle(key: str, place: str, *, why: str) -> None:
    if key:
        raise BadSetting(key, f"{why}{_in(place)}")


def _member(given: Given, config: ServerConfig) -> MemberConfig:
    settings = given.settings

    def whole(key: str, default: int, high: int = _MOST) -> int:
        return settings.whole(key, default, low=0, high=high)

    def flag(key: str, default: bool) -> bool:
        return settings.flag(key, default=default)

    member = MemberConfig(
        name=config.name,
        data_dir=Path(config.directory),
        wal_dir=settings.text("wal-dir", ""),
        listen_peer_urls=settings.words("listen-peer-urls", _DEFAULT.listen_peer_urls),
        initial_advertise_peer_urls=settings.words("initial-advertise-peer-urls", ()),
        initial_cluster=",".join(settings.words(CLUSTER, ())),
        initial_cluster_state=settings.text("initial-cluster-state", _DEFAULT.initial_cluster_state),
        initial_cluster_token=settings.text("initial-cluster-token", _DEFAULT.initial_cluster_token),
        heartbeat_interval=whole("heartbeat-interval", _DEFAULT.heartbeat_interval, _MOST_MILLIS),
        election_timeout=whole("election-timeout", _DEFAULT.election_timeout, _MOST_MILLIS),
        initial_election_tick_advance=flag("initial-election-tick-advance", _DEFAULT.initial_election_tick_advance),
        pre_vote=flag("pre-vote", _DEFAULT.pre_vote),
        strict_reconfig_check=flag("strict-reconfig-check", _DEFAULT.strict_reconfig_check),
        snapshot_count=whole("snapshot-count", _DEFAULT.snapshot_count),
        max_snapshots=whole("max-snapshots", _DEFAULT.max_snapshots),
        max_wals=whole("max-wals", _DEFAULT.max_wals),
        quota_backend_bytes=whole(QUOTA, _DEFAULT.quota_backend_bytes),
        backend_batch_interval=settings.span("backend-batch-interval", _DEFAULT.backend_batch_interval),
        backend_batch_limit=whole("backend-batch-limit", _DEFAULT.backend_batch_limit),
        backend_bbolt_freelist_type=settings.text("backend-bbolt-freelist-type", _DEFAULT.backend_bbolt_freelist_type),
        max_txn_ops=whole("max-txn-ops", _DEFAULT.max_txn_ops),
        max_request_bytes=whole("max-request-bytes", _DEFAULT.max_request_bytes),
        auto_compaction_mode=settings.text("auto-compaction-mode", _DEFAULT.auto_compaction_mode),
        auto_compaction_retention=settings.text("auto-compaction-retention", _DEFAULT.auto_compaction_retention),
        force_new_cluster=flag("force-new-cluster", _DEFAULT.force_new_cluster),
        peer_tls=_peer_tls(given),
        log_level=_LEVELS.get(config.log_level, config.log_level),
    )
    try:
        check(member)
    except InvalidArgument as error:
        block, _, key = error.field.rpartition(".")
        if block == PEER_SECURITY:
            raise InvalidArgument(given.called(PEER, key), error.reason) from error
        raise InvalidArgument(error.field, f"{error.reason}{_in(settings.raw(error.field)[1])}") from error
    return member


def _peer_tls(given: Given) -> PeerTls:
    below = given.of(PEER)

    def text(key: str) -> str:
        return below.text(key, "")

    def read() -> PeerTls:
        return PeerTls(
            cert_file=text("cert-file"),
            key_file=text("key-file"),
            client_cert_file=text("client-cert-file"),
            client_key_file=text("client-key-file"),
            client_cert_auth=below.flag("client-cert-auth", default=False),
            trusted_ca_file=text("trusted-ca-file"),
            auto_tls=below.flag("auto-tls", default=False),
            cert_allowed_cn=text("cert-allowed-cn"),
            cert_allowed_hostname=text("cert-allowed-hostname"),
            crl_file=text("crl-file"),
        )

    return _calling(read, lambda key: given.called(PEER, key))


def _external(given: Given) -> ExternalEtcd:
    settings = given.settings
    tls = _calling(lambda: _etcd_tls(given), lambda key: given.called(ETCD, key))
    endpoints = settings.words(ENDPOINTS, ())
    for text in endpoints:
        if not parse_endpoint(text, tls=tls is not None).secure and tls is not None:
            raise BadSetting(ENDPOINTS, f"wanted https, as {ETCD.block} is given, found {text!r}")
    prefix = settings.text("etcd-prefix", DEFAULT_PREFIX)
    try:
        keyspace(prefix)
    except InvalidArgument as error:
        raise BadSetting("etcd-prefix", error.reason + _in(settings.raw("etcd-prefix")[1])) from error
    quota = settings.whole(QUOTA, 0, low=0, high=_MOST)
    return ExternalEtcd(endpoints=endpoints, prefix=prefix, tls=tls, quota=quota)


def _etcd_tls(given: Given) -> Tls | None:
    below = given.of(ETCD)
    authority, cert, key = (below.text(name, "") for name in ETCD.keys)
    if bool(cert) != bool(key):
        missing = "key-file" if cert else "cert-file"
        raise BadSetting(missing, "cert-file and key-file go together; this one is missing")
    if not authority and not cert:
        return None
    return Tls(_path(authority), _path(cert), _path(key))


def read_user(given: Given, etcd: MemberConfig | ExternalEtcd | None) -> User | None:
    """Whom that etcd knows us as. Raises BadSetting."""
    name = given.settings.text("etcd-user", "")
    password = _password(given)
    if name and not password:
        raise BadSetting(_PASSWORD, f"etcd-user needs it: by {variable(_PASSWORD)}, in the file, or {_PASSWORD_FILE}")
    if password and not name:
        raise BadSetting("etcd-user", f"{_PASSWORD} is given, this one is missing")
    if name == _ROOT and isinstance(etcd, MemberConfig):
        raise BadSetting("etcd-user", f"{_ROOT} is the administrators' own user: wanted another name for the servers")
    return User(name, password) if name else None


def _password(given: Given) -> str:
    """No message shows it."""
    found, place = given.settings.raw(_PASSWORD)
    path = given.settings.text(_PASSWORD_FILE, "")
    if found is not None and path:
        raise BadSetting(_PASSWORD_FILE, f"{_PASSWORD} is given too{_in(place)}; leave one out")
    if found is not None and not isinstance(found, str):
        raise BadSetting(_PASSWORD, f"wanted a text, in quotes{_in(place)}")
    return _first_line(path) if path else found or ""


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            line = file.readline(_LONGEST).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadSetting(_PASSWORD_FILE, f"cannot read {path!r}: {reason}") from error
    if not line:
        raise BadSetting(_PASSWORD_FILE, f"wanted the password in the first line of {path!r}, found none")
    return line


def _calling(read: Callable[[], Made], name: Callable[[str], str]) -> Made:
    """What is read below a block, with refusals that call the keys as the user does."""
    try:
        return read()
    except BadSetting as error:
        raise BadSetting(name(error.key), error.reason) from error


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _in(place: str) -> str:
    return f" in {place}" if place else ""
