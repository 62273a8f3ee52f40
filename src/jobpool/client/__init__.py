"""The typed client: used by the command line and by Python programs.

    async with Client(["127.0.0.1:2379"]) as client:
        async for job in client.jobs("default", status="failed"):
            print(job.id, job.reason)

What belongs here: how to reach a server and to say what went wrong. Nothing of what a server knows or decides.
"""

from jobpool.client.client import BoundClient, Client
from jobpool.client.endpoints import Endpoint, parse_endpoint
from jobpool.client.errors import Unreachable
from jobpool.client.headers import Headers
from jobpool.client.streams import StillRunning
from jobpool.client.tls import TlsConfig
from jobpool.client.watch import Change

__all__ = [
    "BoundClient",
    "Change",
    "Client",
    "Endpoint",
    "Headers",
    "StillRunning",
    "TlsConfig",
    "Unreachable",
    "parse_endpoint",
]
