"""A node: a machine with an agent."""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.statuses import NodeStatus

DEFAULT_CAPACITY = 256


class Drain(Struct, frozen=True, array_like=True):
    """An operator empties the node. What still runs at `deadline` is moved; None = it may take as long as it takes.

    `runs`: how many were on it at `since`.
    """

    since: Millis
    deadline: Millis | None = None
    runs: int = 0


class Resources(Struct, frozen=True, array_like=True):
    """What a machine has for its agent, and how busy it is; sizes in bytes. None = not known.

    `millicpus`: thousandths of a processor. `disk` is the file system of the agent's data directory.
    """

    millicpus: int | None = None
    millicpus_used: int | None = None
    memory: int | None = None
    memory_used: int | None = None
    disk: int | None = None
    disk_free: int | None = None


NOTHING_KNOWN = Resources()
MOST_BYTES = 1 << 60
"""More than any machine has."""


class Node(Struct, frozen=True, array_like=True):
    """`secret_hash` is the hex SHA-256 of the agent's secret, which itself never enters the store.

    `draining` is set by an agent that is about to leave: it finishes what it has and takes nothing new. `eligible` and
    `drain` are an operator's, and outlast the agent; a node with a drain is not eligible, and stays so after it.
    `server` is the id of the server that the agent's stream is at; empty once that has ended. `session` grows with
    every registration: what an earlier stream of the same agent still brings about is told by it, and changes nothing.
    `settled`: in this session the agent has said what it holds. `polling`: an agent of the original, that has no stream
    and asks for its work itself, at any server; nobody can tell it anything. `process` tells the agent's process from
    every other, `peer` is where its stream came from; empty = not told.
    """

    id: str
    name: str
    secret_hash: str
    status: NodeStatus
    started_at: Millis
    updated_at: Millis
    status_description: str = ""
    data_center: str = "default"
    capacity: int = DEFAULT_CAPACITY
    executors: tuple[str, ...] = ("rest",)
    attributes: tuple[tuple[str, str], ...] = ()
    version: str = ""
    draining: bool = False
    eligible: bool = True
    eligibility_description: str = ""
    drain: Drain | None = None
    server: str = ""
    session: int = 0
    settled: bool = False
    polling: bool = False
    process: str = ""
    peer: str = ""

    @property
    def accepts_work(self) -> bool:
        return self.status is NodeStatus.READY and self.eligible and not self.draining
