"""Runs a program that the kernel kills when its parent dies: `guard.py PARENT PROGRAM [ARGUMENT…]`.

The parent's thread that started us counts, not its process. Standard library only: it runs without the package, and
takes a few hundredths of a second. Between the start and the request to the kernel the parent may already have died:
then we have another parent than the one that we were told of, and end.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *command = sys.argv[1:]
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit(f"process {parent} has ended before its child began")
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what is ignored stays so in the program
        signal.signal(number, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
