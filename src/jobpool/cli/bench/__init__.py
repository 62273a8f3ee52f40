"""`jobpool bench`: measures the product on this machine and prints the rows as a table and as JSON.

Every row runs real processes: a server on a fresh data directory, agents, and a driver that asks the API as any client
would. Only the state that a row starts from is loaded by the product's own commands without the network.
"""

from jobpool.cli.bench.command import bench

__all__ = ["bench"]
