"""The typed client: used by the command line, the agent and by Python programs.

    async with Client(["127.0.0.1:2379"]) as client:
        answer = await client.plan_list(pb.SchedulePlanListRequest(namespace="default"))

What belongs here: how to reach a server and to say what went wrong. Nothing of what a server knows or decides.
"""

from jobpool.client.client import Client
from jobpool.client.endpoints import Endpoint, parse_endpoint
from jobpool.client.errors import Unreachable
from jobpool.client.tls import TlsConfig

__all__ = ["Client", "Endpoint", "TlsConfig", "Unreachable", "parse_endpoint"]
