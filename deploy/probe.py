#!/usr/bin/env -S python3 -I -S
"""Asks a server beside it one URL: exit code 0 for status 200, 1 for anything else, 2 for a URL that is none.

The container's probes run it every few seconds, so it takes what costs little: the standard library's HTTP client, no
site-packages, about 30 ms. Certificates are not its business: it speaks to loopback, in clear.
"""

import http.client
import sys
from urllib.parse import urlsplit

SECONDS = 4


def ask(url: str) -> str:
    """Empty = 200; otherwise what came instead. Raises ValueError for a URL that is not `http://host:port/path`."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port or not parts.path:
        raise ValueError(f"wanted http://host:port/path, found {url!r}")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        told = answer.read(1000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"{url}: {error!r}"
    finally:
        connection.close()
    return "" if answer.status == http.client.OK else f"{url}: {answer.status} {told}"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("probe: wanted one URL", file=sys.stderr)
        return 2
    try:
        trouble = ask(arguments[0])
    except ValueError as error:
        print(f"probe: {error}", file=sys.stderr)
        return 2
    if trouble:
        print(trouble, file=sys.stderr)
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
