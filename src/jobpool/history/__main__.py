"""`python -m jobpool.history <file> [--rebuild]`, started by `HistoryProcess`."""

import sys

from jobpool.history.child import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
