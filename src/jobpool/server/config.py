"""What a server is told: one frozen value, validated once. No component reads files, flags or the environment."""

from msgspec import Struct

from jobpool.kit.pure.durations import DAY, HOUR, SECOND, Millis


class Tls(Struct, frozen=True):
    """Files in PEM form. `trusted_ca_file` with `client_cert_auth`: clients must show a certificate of that CA."""

    cert_file: str = ""
    key_file: str = ""
    trusted_ca_file: str = ""
    client_cert_auth: bool = False

    @property
    def enabled(self) -> bool:
        return bool(self.cert_file or self.key_file)


class ServerConfig(Struct, frozen=True):
    """Durations are milliseconds. `data_dir` empty = `<name>.jobpool` in the working directory.

    `worker_number` evaluators run in this server. `job_parallelism_limit` is the slots of a namespace that sets none.
    `allow_remote_snapshot`: others than this machine may save snapshots.
    """

    name: str = "default"
    data_dir: str = ""
    engine: str = "auto"
    listen_client_urls: tuple[str, ...] = ("http://localhost:2379",)
    host_whitelist: tuple[str, ...] = ()
    tls: Tls = Tls()
    worker_number: int = 1
    job_parallelism_limit: int = 100
    default_time_zone: str = "Asia/Shanghai"
    min_heartbeat_ttl: Millis = 10 * SECOND
    failover_heartbeat_ttl: Millis = 120 * SECOND
    job_gc_threshold: Millis = 168 * HOUR
    node_gc_threshold: Millis = DAY
    keep_finished_runs: int = 1_000_000
    allow_remote_snapshot: bool = False
    log_level: str = "info"
    log_format: str = "text"

    @property
    def directory(self) -> str:
        return self.data_dir or f"{self.name}.jobpool"
