"""`jobpoolctl`: see and steer plans and runs from a shell.

What costs time to import (gRPC, messages, tables) is imported by the commands that need it.
"""

import logging
import os
import sys
from collections.abc import Sequence

import click

from jobpool.cli.ctl_care import alarm, defrag, move_leader
from jobpool.cli.ctl_endpoint import endpoint, version
from jobpool.cli.ctl_errors import BAD_ARGUMENTS, FAILED, INTERRUPTED, report, report_usage
from jobpool.cli.ctl_eval import allocation, evaluation
from jobpool.cli.ctl_job import job
from jobpool.cli.ctl_member import member
from jobpool.cli.ctl_namespace import namespace
from jobpool.cli.ctl_node import node, queue
from jobpool.cli.ctl_options import PrefixGroup, Settings
from jobpool.cli.ctl_plan import plan
from jobpool.cli.ctl_snapshot import snapshot
from jobpool.model.errors import JobpoolError

GROUPS = (
    namespace,
    plan,
    job,
    evaluation,
    allocation,
    node,
    queue,
    snapshot,
    endpoint,
    member,
    move_leader,
    alarm,
    defrag,
    version,
)

root = PrefixGroup(
    name="jobpoolctl",
    root=True,
    help="See and steer jobpool's plans and runs. Commands may be shortened: `jobpoolctl na l`.",
    epilog="Environment: JOBPOOLCTL_ENDPOINTS and so on for every global option (ETCDCTL_… too).",
    commands={command.name: command for command in GROUPS if command.name is not None},
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
        # Whoever read us has enough. What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


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
