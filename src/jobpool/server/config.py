"""What a server is told: one frozen value, validated once. No component reads files, flags or the environment."""

from msgspec import Struct

from jobpool.etcd.config import MemberConfig
from jobpool.kit.pure.durations import DAY, HOUR, SECOND, Millis
from jobpool.store.engines.etcd.settings import DEFAULT_PREFIX, User
from jobpool.store.engines.etcd.settings import Tls as EtcdTls


class Tls(Struct, frozen=True):
    """Files in PEM form. `trusted_ca_file`: clients must show a certificate of that CA, and other servers have one.

    `client_cert_file` and `client_key_file`: what we show to other servers; without them it is `cert_file`.
    """

    cert_file: str = ""
    key_file: str = ""
    trusted_ca_file: str = ""
    client_cert_auth: bool = False
    client_cert_file: str = ""
    client_key_file: str = ""

    @property
    def enabled(self) -> bool:
        return bool(self.cert_file or self.key_file)

    @property
    def shown(self) -> tuple[str, str]:
        """The certificate and its key by which other servers know us; empty texts when there are none."""
        if self.client_cert_file:
            return self.client_cert_file, self.client_key_file
        return self.cert_file, self.key_file


class ExternalEtcd(Struct, frozen=True, kw_only=True):
    """An etcd that runs already. `tls`: how `https` endpoints are verified, None = by the usual authorities.

    `quota` is how large its database may become, in bytes, for one that does not tell (before 3.6); 0 = not known.
    """

    endpoints: tuple[str, ...]
    prefix: str = DEFAULT_PREFIX
    tls: EtcdTls | None = None
    quota: int = 0


class ServerConfig(Struct, frozen=True):
    """Durations are milliseconds. `data_dir` empty = `<name>.jobpool` in the working directory.

    `etcd`: the member that this server runs, by the program `etcd_binary` (empty = the one on PATH); or one that runs
    already; None = the embedded engine. `etcd_user`: whom either knows us as where its authentication is on.
    `worker_number` evaluators run in this server. `job_parallelism_limit` is the
    slots of a namespace that sets none. `failover_heartbeat_ttl`: the least; a fleet that needs longer has it.
    `allow_remote_snapshot`: others than this machine may save snapshots. `enable_etcd_api`: clients of etcd are served
    as well, where there is one. `require_callback_token`: how a run ended is only taken from who has its token.
    """

    name: str = "default"
    data_dir: str = ""
    etcd: MemberConfig | ExternalEtcd | None = None
    etcd_binary: str = ""
    etcd_user: User | None = None
    listen_client_urls: tuple[str, ...] = ("http://localhost:2379",)
    advertise_client_urls: tuple[str, ...] = ()
    host_whitelist: tuple[str, ...] = ()
    tls: Tls = Tls()
    worker_number: int = 1
    job_parallelism_limit: int = 100
    default_time_zone: str = "Asia/Shanghai"
    min_heartbeat_ttl: Millis = 10 * SECOND
    failover_heartbeat_ttl: Millis = 0
    job_gc_threshold: Millis = 168 * HOUR
    node_gc_threshold: Millis = DAY
    keep_finished_runs: int = 1_000_000
    allow_remote_snapshot: bool = False
    enable_etcd_api: bool = True
    require_callback_token: bool = False
    log_level: str = "info"
    log_format: str = "text"

    @property
    def directory(self) -> str:
        return self.data_dir or f"{self.name}.jobpool"

    @property
    def engine(self) -> str:
        """`embedded` or `etcd`: what the data directory belongs to."""
        return "embedded" if self.etcd is None else "etcd"

    @property
    def advertised(self) -> tuple[str, ...]:
        """Where agents, clients and the other servers reach this server; the first is the one to tell."""
        return self.advertise_client_urls or self.listen_client_urls
