"""The keys of a server's configuration, by what they are for; and those of etcd that are refused, with the reason."""

from msgspec import Struct

PREFIX = "JOBPOOL_SERVER_"

OWN_KEYS = (
    "name",
    "data-dir",
    "engine",
    "listen-client-urls",
    "advertise-client-urls",
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
    "enable-etcd-api",
    "require-callback-token",
    "log-level",
    "log-format",
)
MEMBER_KEYS = (
    "etcd-binary",
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "listen-peer-urls",
    "initial-advertise-peer-urls",
    "wal-dir",
    "heartbeat-interval",
    "election-timeout",
    "initial-election-tick-advance",
    "pre-vote",
    "strict-reconfig-check",
    "snapshot-count",
    "max-snapshots",
    "max-wals",
    "quota-backend-bytes",
    "backend-batch-interval",
    "backend-batch-limit",
    "backend-bbolt-freelist-type",
    "max-txn-ops",
    "max-request-bytes",
    "auto-compaction-mode",
    "auto-compaction-retention",
    "force-new-cluster",
)
"""What the etcd is told that the server runs itself."""

EXTERNAL_KEYS = ("etcd-endpoints", "etcd-prefix")
"""How an etcd is reached that runs already."""
USER_KEYS = ("etcd-user", "etcd-password", "etcd-password-file")
"""Whom any etcd knows us as."""

KEYS = (*OWN_KEYS, *MEMBER_KEYS, *EXTERNAL_KEYS, *USER_KEYS)
FLAG_ONLY = {
    "force-new-cluster": "it is meant for one start: give it as a flag, --force-new-cluster, and leave it out the next "
    "time",
}
_NEVER_A_FLAG = {
    "etcd-password": "other users of this machine can read command lines: give it as the variable "
    f"{PREFIX}ETCD_PASSWORD, in the configuration file, or by --etcd-password-file",
}


class Security(Struct, frozen=True):
    """Certificates for one kind of connection. In a file the keys stand below `block`; flags have `prefix` before."""

    block: str
    prefix: str
    keys: tuple[str, ...]

    @property
    def flags(self) -> tuple[str, ...]:
        return tuple(self.prefix + key for key in self.keys)


_PAIR = ("cert-file", "key-file")
_CLIENT_PAIR = ("client-cert-file", "client-key-file")
CLIENT = Security("client-transport-security", "", (*_PAIR, "trusted-ca-file", "client-cert-auth", *_CLIENT_PAIR))
PEER = Security(
    "peer-transport-security",
    "peer-",
    (
        *(*_PAIR, "trusted-ca-file", "client-cert-auth", *_CLIENT_PAIR),
        *("auto-tls", "cert-allowed-cn", "cert-allowed-hostname", "crl-file"),
    ),
)
ETCD = Security("etcd-transport-security", "etcd-", ("trusted-ca-file", *_PAIR))
SECURITIES = (CLIENT, PEER, ETCD)
TLS_KEYS = (*CLIENT.flags, *PEER.flags, *ETCD.flags)

_DISCOVERY = "is not supported: name the members in initial-cluster"
_PRIVATE = "is for clients of etcd, and the etcd of a server has no client but this server"
_ANSWERS = "is not needed: listen-client-urls answer"
_LOGS = "is not supported: etcd's log goes through the server's; see log-level and log-format"
_TLS = "is not supported: listen-client-urls take TLS 1.2 and newer"
_OLD_API = "is not supported: it is for the v2 API of etcd, which jobpool does not have"
_USERS = "is not supported: jobpool has no users of its own"
_REFUSED = {
    "discovery": _DISCOVERY,
    "discovery-fallback": _DISCOVERY,
    "discovery-proxy": _DISCOVERY,
    "discovery-srv": _DISCOVERY,
    "discovery-srv-name": _DISCOVERY,
    "listen-client-http-urls": f"{_ANSWERS} REST and gRPC on one port",
    "listen-metrics-urls": f"{_ANSWERS} /metrics and /health too",
    "enable-grpc-gateway": f"{_ANSWERS} REST always",
    "metrics": f"{_ANSWERS} /metrics always in full",
    "enable-pprof": "is not supported: it is for programs in Go",
    "cors": "is not supported: browsers may call from pages of this server only",
    "max-concurrent-streams": _PRIVATE,
    "grpc-keepalive-min-time": _PRIVATE,
    "grpc-keepalive-interval": _PRIVATE,
    "grpc-keepalive-timeout": _PRIVATE,
    "socket-reuse-port": "is not supported: two servers on one port would not know of each other",
    "socket-reuse-address": "is not needed: a server takes its address again at once",
    "raft-read-timeout": "is not supported: heartbeat-interval and election-timeout say how soon a member is missed",
    "raft-write-timeout": "is not supported: heartbeat-interval and election-timeout say how soon a member is missed",
    "client-crl-file": "is not supported: give clients certificates of a short life, or another authority",
    "client-cert-allowed-hostname": "is not supported: every certificate of trusted-ca-file is let in",
    "auto-tls": "is not supported: nobody could verify a certificate that the server makes for itself",
    "self-signed-cert-validity": "is not supported: certificates of peer-auto-tls hold a year; delete them to renew",
    "cipher-suites": _TLS,
    "tls-min-version": _TLS,
    "tls-max-version": _TLS,
    "auth-token": _USERS,
    "auth-token-ttl": _USERS,
    "bcrypt-cost": _USERS,
    "logger": _LOGS,
    "log-outputs": _LOGS,
    "enable-log-rotation": _LOGS,
    "log-rotation-config-json": _LOGS,
    "enable-v2": _OLD_API,
    "v2-deprecation": _OLD_API,
    "proxy": _OLD_API,
    "proxy-failure-wait": _OLD_API,
    "proxy-refresh-interval": _OLD_API,
    "proxy-dial-timeout": _OLD_API,
    "proxy-write-timeout": _OLD_API,
    "proxy-read-timeout": _OLD_API,
    "unsafe-no-fsync": "is refused: what was acknowledged would be lost with the machine",
}
_EXPERIMENTAL = "experimental-"
REFUSED_KEYS = tuple(_REFUSED)


def refusal(key: str) -> str:
    """Why a key that etcd knows is not taken here; empty for any other."""
    if key.startswith(_EXPERIMENTAL):
        return "is not supported: etcd renames such keys with its versions; those that jobpool needs it sets itself"
    return _REFUSED.get(key, "")


def dashed(key: str) -> str:
    """`ETCD_INITIAL_CLUSTER_TOKEN`, as the original's samples write some → `initial-cluster-token`."""
    return key.removeprefix("ETCD_").lower().replace("_", "-")


def variable(key: str) -> str:
    """`data-dir` → `JOBPOOL_SERVER_DATA_DIR`."""
    return PREFIX + key.replace("-", "_").upper()


def why_no_flag(key: str) -> str:
    """Why `--key` is no flag, though people may look for it; empty when nobody would."""
    return _NEVER_A_FLAG.get(key, "") or refusal(key)
