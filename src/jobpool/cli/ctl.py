"""`jobpoolctl`: see and steer plans and runs from a shell.

What costs time to import (gRPC, messages, tables) is imported by the commands that need it.
"""

import logging
import os
import sys
from collections.abc import Sequence

import click

from jobpool.cli.ctl_errors import BAD_ARGUMENTS, FAILED, INTERRUPTED, report, report_io, report_usage
from jobpool.cli.ctl_options import PrefixGroup, Settings
from jobpool.model.errors import JobpoolError

COMMANDS = {
    "alarm": "jobpool.cli.ctl_care:alarm",
    "allocation": "jobpool.cli.ctl_eval:allocation",
    "apply": "jobpool.cli.ctl_apply:apply",
    "auth": "jobpool.cli.etcd.users:auth",
    "check": "jobpool.cli.etcd.check:check",
    "cluster": "jobpool.cli.ctl_cluster:cluster",
    "compaction": "jobpool.cli.etcd.kv:compaction",
    "completion": "jobpool.cli.completion:completion",
    "defrag": "jobpool.cli.ctl_care:defrag",
    "del": "jobpool.cli.etcd.kv:delete",
    "diff": "jobpool.cli.ctl_apply:diff",
    "elect": "jobpool.cli.etcd.locks:elect",
    "endpoint": "jobpool.cli.ctl_endpoint:endpoint",
    "eval": "jobpool.cli.ctl_eval:evaluation",
    "export": "jobpool.cli.ctl_export:export",
    "get": "jobpool.cli.etcd.kv:get",
    "help": "jobpool.cli.ctl_help:show_help",
    "import": "jobpool.cli.ctl_import:import_",
    "job": "jobpool.cli.ctl_job:job",
    "lease": "jobpool.cli.etcd.lease:lease",
    "lock": "jobpool.cli.etcd.locks:lock",
    "make-mirror": "jobpool.cli.etcd.mirror:make_mirror",
    "member": "jobpool.cli.ctl_member:member",
    "move-leader": "jobpool.cli.ctl_care:move_leader",
    "namespace": "jobpool.cli.ctl_namespace:namespace",
    "node": "jobpool.cli.ctl_node:node",
    "plan": "jobpool.cli.ctl_plan:plan",
    "put": "jobpool.cli.etcd.kv:put",
    "queue": "jobpool.cli.ctl_node:queue",
    "role": "jobpool.cli.etcd.users:role",
    "snapshot": "jobpool.cli.ctl_snapshot:snapshot",
    "txn": "jobpool.cli.etcd.txn:txn",
    "user": "jobpool.cli.etcd.users:user",
    "version": "jobpool.cli.ctl_endpoint:version",
    "watch": "jobpool.cli.etcd.watch:watch",
}
"""Where each command is: only the one that is called is imported."""

root = PrefixGroup(
    name="jobpoolctl",
    root=True,
    lazy=COMMANDS,
    help="See and steer jobpool's plans and runs. Commands may be shortened: `jobpoolctl na l`.",
    epilog="Environment: JOBPOOLCTL_ENDPOINTS and so on for every global option (ETCDCTL_… too).",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's) and return the exit code."""
    words = list(sys.argv[1:] if args is None else args)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(words)
    except BrokenPipeError:
        _drop_output()  # whoever read us has enough
        return FAILED
    except OSError as error:
        if error.filename is None:
            _drop_output()  # a full disk, most likely
        return report_io(error)


def _drop_output() -> None:
    """What is still buffered must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: Sequence[str]) -> int:
    try:
        status = root.main(words, prog_name="jobpoolctl", standalone_mode=False, obj=Settings())
        sys.stdout.flush()
    except JobpoolError as error:
        return report(error, debug=logging.getLogger("jobpool").isEnabledFor(logging.DEBUG))
    except click.ClickException as error:
        return report_usage(error)
    except UnicodeEncodeError:
        click.echo("Error: the arguments are not valid UTF-8", err=True)
        return BAD_ARGUMENTS
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    sys.exit(main())
