"""The flags of `jobpool`, with units and defaults; read and checked by `server.load`, like environment and file."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

CONFIG_FILE = "config-file"
FLAGS = (
    (CONFIG_FILE, "FILE", "Read settings from this YAML file."),
    ("name", "NAME", "The server's name.  [default: default]"),
    ("data-dir", "DIR", "Where everything is kept; one server at a time.  [default: ./<name>.jobpool]"),
    ("engine", "ENGINE", "auto or embedded (one file in the data directory).  [default: auto]"),
    ("listen-client-urls", "URLS", "Where to answer, with commas between.  [default: http://localhost:2379]"),
    ("host-whitelist", "NAMES", "Names in Host headers, besides this machine's addresses; * is any.  [default: none]"),
    ("cert-file", "FILE", "Our certificate, PEM; for https URLs."),
    ("key-file", "FILE", "The key of --cert-file, PEM, without password."),
    ("trusted-ca-file", "FILE", "Clients must show a certificate of this authority, PEM."),
    ("worker-number", "N", "Evaluators in this server; 0: it schedules nothing.  [default: 1]"),
    ("job-parallelism-limit", "N", "Runs at once in a namespace that sets no limit.  [default: 100]"),
    ("default-time-zone", "ZONE", "Of plans and namespaces that name none.  [default: Asia/Shanghai]"),
    ("min-heartbeat-ttl", "SPAN", "Agents are heard at least this often.  [default: 10s]"),
    ("failover-heartbeat-ttl", "SPAN", "How long agents may take to come back after our start.  [default: 2m]"),
    ("job-gc-threshold", "SPAN", "How long finished runs are kept.  [default: 7d]"),
    ("eval-gc-threshold", "SPAN", "Evaluations are kept with their runs: the same.  [default: as job-gc-threshold]"),
    ("node-gc-threshold", "SPAN", "How long a machine that is down stays listed.  [default: 1d]"),
    ("keep-finished-runs", "N", "How many finished runs are kept at most.  [default: 1000000]"),
    ("allow-remote-snapshot", "BOOL", "Others than this machine may save snapshots.  [default: false]"),
    ("log-level", "LEVEL", "debug, info, warning or error.  [default: info]"),
    ("log-format", "FORMAT", "text or json (a line each).  [default: text]"),
)
NAMES = (*(name for name, _, _ in FLAGS), "client-cert-auth")


def with_flags(function: Function) -> Function:
    """Adds every flag, in the order of the table, as text."""
    function = click.option(
        "--client-cert-auth", is_flag=True, default=None, help="Clients must show a certificate of --trusted-ca-file."
    )(function)
    for name, metavar, text in reversed(FLAGS):
        function = click.option(f"--{name}", metavar=metavar, help=text)(function)
    return function
