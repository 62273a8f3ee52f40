"""The flags of `jobpool`, with units and defaults; read and checked by `server.load`, like environment and file."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])
Flags: TypeAlias = Sequence[tuple[str, str, str]]

CONFIG_FILE = "config-file"
_BOOL = "BOOL"
OWN_FLAGS: Flags = (
    (CONFIG_FILE, "FILE", "Read settings from this YAML file."),
    ("name", "NAME", "The server's name.  [default: default]"),
    ("data-dir", "DIR", "Where everything is kept; one server at a time.  [default: ./<name>.jobpool]"),
    (
        "engine",
        "ENGINE",
        "auto (etcd, where initial-cluster or etcd-endpoints is given), embedded or etcd.  [default: auto]",
    ),
    ("listen-client-urls", "URLS", "Where to answer, with commas between.  [default: http://localhost:2379]"),
    (
        "advertise-client-urls",
        "URLS",
        "Where agents, clients and other servers find this one.  [default: as listen-client-urls]",
    ),
    ("host-whitelist", "NAMES", "Names in Host headers, besides this machine's addresses; * is any.  [default: none]"),
    ("cert-file", "FILE", "Our certificate, PEM; for https URLs."),
    ("key-file", "FILE", "The key of --cert-file, PEM, without password."),
    ("trusted-ca-file", "FILE", "Clients must show a certificate of this authority, PEM; other servers have one."),
    ("client-cert-auth", _BOOL, "Clients must show a certificate of --trusted-ca-file.  [default: false]"),
    ("client-cert-file", "FILE", "The certificate to show to other servers, if it is not --cert-file."),
    ("client-key-file", "FILE", "The key of --client-cert-file."),
    ("worker-number", "N", "Evaluators in this server; 0: it schedules nothing.  [default: 1]"),
    ("job-parallelism-limit", "N", "Runs at once in a namespace that sets no limit.  [default: 100]"),
    ("default-time-zone", "ZONE", "Of plans and namespaces that name none.  [default: Asia/Shanghai]"),
    ("min-heartbeat-ttl", "SPAN", "Agents are heard at least this often.  [default: 10s]"),
    ("failover-heartbeat-ttl", "SPAN", "Least time for agents to come back when another server leads.  [default: 0]"),
    ("job-gc-threshold", "SPAN", "How long finished runs are kept.  [default: 7d]"),
    ("eval-gc-threshold", "SPAN", "Evaluations are kept with their runs: the same.  [default: as job-gc-threshold]"),
    ("node-gc-threshold", "SPAN", "How long a machine that is down stays listed.  [default: 1d]"),
    ("keep-finished-runs", "N", "How many finished runs are kept at most.  [default: 1000000]"),
    ("allow-remote-snapshot", _BOOL, "Others than this machine may save snapshots.  [default: false]"),
    ("enable-etcd-api", _BOOL, "Serve clients of etcd too, with the etcd engine.  [default: true]"),
    ("require-callback-token", _BOOL, "How a run ended is only taken from who has its token.  [default: false]"),
    ("log-level", "LEVEL", "debug, info, warning or error.  [default: info]"),
    ("log-format", "FORMAT", "text or json (a line each).  [default: text]"),
)
MEMBER_FLAGS: Flags = (
    ("etcd-binary", "FILE", "The etcd to run, 3.5.28 or newer.  [default: etcd on PATH]"),
    ("initial-cluster", "MEMBERS", "name=http://host:2380 of every server, with commas between.  [default: this one]"),
    ("initial-cluster-state", "STATE", "new, or existing to join a cluster that runs.  [default: new]"),
    ("initial-cluster-token", "TEXT", "Keeps clusters apart that could reach one another.  [default: etcd-cluster]"),
    ("listen-peer-urls", "URLS", "Where other members reach this one's etcd.  [default: http://localhost:2380]"),
    ("initial-advertise-peer-urls", "URLS", "What other members call it by.  [default: as in initial-cluster]"),
    ("wal-dir", "DIR", "Where etcd writes its log ahead, on a disk of its own.  [default: in the data directory]"),
    ("heartbeat-interval", "MS", "Between heartbeats of etcd's leader, in ms.  [default: 100]"),
    ("election-timeout", "MS", "Without one until etcd elects another leader, in ms.  [default: 1000]"),
    ("initial-election-tick-advance", _BOOL, "A started member may stand at once.  [default: true]"),
    ("pre-vote", _BOOL, "A member that was cut off does not unseat the leader.  [default: true]"),
    ("strict-reconfig-check", _BOOL, "Refuse changes of members that would lose the majority.  [default: true]"),
    ("snapshot-count", "N", "Transactions between snapshots of etcd's state.  [default: 10000]"),
    ("max-snapshots", "N", "Snapshot files that are kept; 0: all.  [default: 5]"),
    ("max-wals", "N", "Files of the log ahead that are kept; 0: all.  [default: 5]"),
    ("quota-backend-bytes", "BYTES", "Most that etcd's database may take; 0: 2 GiB.  [default: 8589934592]"),
    ("backend-batch-interval", "SPAN", "Longest that etcd collects writes to its database.  [default: as etcd]"),
    ("backend-batch-limit", "N", "Most writes that it collects.  [default: as etcd]"),
    ("backend-bbolt-freelist-type", "TYPE", "map or array.  [default: map]"),
    ("max-txn-ops", "N", "Most operations in a transaction.  [default: 20000]"),
    ("max-request-bytes", "BYTES", "Most bytes in a transaction.  [default: 33554432]"),
    ("auto-compaction-mode", "MODE", "periodic or revision.  [default: periodic]"),
    (
        "auto-compaction-retention",
        "TEXT",
        "What etcd keeps of the past by itself; 0: the leader sees to it.  [default: 0]",
    ),
    ("force-new-cluster", _BOOL, "Once: go on alone with this server's data, without the others.  [default: false]"),
    ("peer-cert-file", "FILE", "Our certificate towards other members, PEM."),
    ("peer-key-file", "FILE", "Its key, PEM, without password."),
    ("peer-trusted-ca-file", "FILE", "Other members show a certificate of this authority, PEM."),
    ("peer-client-cert-auth", _BOOL, "They must, when they connect too.  [default: false]"),
    ("peer-client-cert-file", "FILE", "The certificate to connect with, if it is not --peer-cert-file."),
    ("peer-client-key-file", "FILE", "The key of --peer-client-cert-file."),
    ("peer-auto-tls", _BOOL, "Make certificates, which hide what is said and prove nothing.  [default: false]"),
    ("peer-cert-allowed-cn", "NAMES", "Common names that their certificates may have.  [default: any]"),
    ("peer-cert-allowed-hostname", "NAMES", "Host names that their certificates may have.  [default: any]"),
    ("peer-crl-file", "FILE", "Certificates that are no longer good, PEM."),
)
EXTERNAL_FLAGS: Flags = (
    ("etcd-endpoints", "URLS", "Where it answers, with commas between.  [default: none]"),
    ("etcd-prefix", "TEXT", "Under which keys everything is kept.  [default: /jobpool/v1/]"),
    ("etcd-user", "NAME", "Whom any etcd knows us as; the password: see --etcd-password-file.  [default: none]"),
    ("etcd-password-file", "FILE", "The password in its first line; or JOBPOOL_SERVER_ETCD_PASSWORD."),
    ("etcd-trusted-ca-file", "FILE", "The authority of its certificates, PEM.  [default: the system's]"),
    ("etcd-cert-file", "FILE", "The certificate that we show to it, PEM."),
    ("etcd-key-file", "FILE", "The key of --etcd-cert-file, PEM, without password."),
)
SECTIONS: Mapping[str, Flags] = {
    "Options": OWN_FLAGS,
    "A cluster of servers that each run an etcd of their own": MEMBER_FLAGS,
    "Servers on an etcd that runs already": EXTERNAL_FLAGS,
}
FLAGS: Flags = (*OWN_FLAGS, *MEMBER_FLAGS, *EXTERNAL_FLAGS)
NAMES = tuple(name for name, _, _ in FLAGS)


def with_flags(function: Function) -> Function:
    """Adds every flag, in the order of the table, as text; one that is true or false may stand without a value."""
    for name, metavar, text in reversed(FLAGS):
        if metavar == _BOOL:
            option = click.option(f"--{name}", metavar=metavar, help=text, is_flag=False, flag_value="true")
        else:
            option = click.option(f"--{name}", metavar=metavar, help=text)
        function = option(function)
    return function
