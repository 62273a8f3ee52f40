"""The engine on stock etcd 3.5 or newer: what is acknowledged survives any minority of its members.

Only this package speaks to etcd, by explicit method paths and the messages of `proto/etcd.proto`.
"""

import os

# grpcio reads it when it is first imported: its fork handlers would hold up every subprocess that a server starts.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
