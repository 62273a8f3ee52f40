"""Events of the cluster: what commits tell, how crowds are counted, how two servers' lists go together."""

from typing import Any

from msgspec.structs import replace

from jobpool.api.cluster_events import MOST, TOGETHER, Event, Events, merged, of_commit, of_pause
from jobpool.model.node import Drain, Node
from jobpool.model.pause import Pause
from jobpool.model.server import ServerRecord
from jobpool.model.statuses import NodeStatus
from jobpool.replica.state import Folded
from jobpool.wire import jobpool_pb2 as pb

NODE = Node("n1", "worker", "", NodeStatus.READY, 0, 0)
SERVER = ServerRecord("a1", "server1", "http://10.0.0.1:2379", "0.1.0", 0)


def told(*, nodes: Any = (), servers: Any = ()) -> list[str]:
    folded = Folded(7, [], [], [], list(nodes), [], None, list(servers))
    events = list(of_commit(folded, 1000))
    assert len({event.id for event in events}) == len(events)
    assert all(event.at == 1000 for event in events)
    return [f"{event.kind} {event.subject} {event.text}".rstrip() for event in events]


def test_nodes_that_come_and_go() -> None:
    down = replace(NODE, status=NodeStatus.DOWN, status_description="not heard for 30s")
    assert told(nodes=[(None, NODE), (NODE, None)]) == ["node_joined worker", "node_removed worker"]
    assert told(nodes=[(NODE, down), (down, NODE)]) == ["node_lost worker not heard for 30s", "node_back worker"]
    assert told(nodes=[(down, replace(down, status=NodeStatus.DISCONNECTED))]) == []
    assert told(nodes=[(NODE, replace(NODE, status=NodeStatus.INITIALIZING))]) == [], "its agent changes servers"


def test_nodes_taken_out_of_service() -> None:
    drained = replace(NODE, eligible=False, drain=Drain(0))
    shut = replace(NODE, eligible=False, eligibility_description="new disk")
    assert told(nodes=[(NODE, drained), (drained, NODE)]) == ["node_drain worker", "node_drained worker"]
    assert told(nodes=[(NODE, shut), (shut, NODE)]) == ["node_ineligible worker new disk", "node_eligible worker"]


def test_servers() -> None:
    newer = replace(SERVER, version="0.2.0", quota=7)
    assert told(servers=[(None, SERVER), (SERVER, newer), (newer, None)]) == [
        "server_joined server1",
        "server_changed server1 0.1.0 → 0.2.0",
        "server_removed server1",
    ]
    assert told(servers=[(SERVER, replace(SERVER, quota=7))]) == []


def test_pauses() -> None:
    pause = Pause(0, "ann", "new disks")
    paused, resumed = of_pause(None, pause, n=3, at=5), of_pause(pause, None, n=4, at=6)
    assert paused == Event(id="3-p", at=5, kind="queue_paused", subject="ann", text="new disks")
    assert resumed == Event(id="4-p", at=6, kind="queue_resumed")
    assert of_pause(pause, pause, n=5, at=7) is None


def noted(*events: Event, most: int = MOST) -> Events:
    list_ = Events(most=most)
    for event in events:
        list_.note(event)
    return list_


def event(at: int, kind: str = "node_lost", **fields: Any) -> Event:
    return Event(id=f"e{at}", at=at, kind=kind, **fields)


def test_a_crowd_is_counted_under_its_first_and_named_after_its_newest() -> None:
    events = noted(event(1, subject="x"), event(2, "leader"), event(3, subject="y"), event(4 + TOGETHER, subject="z"))
    assert [(one.id, one.kind, one.count, one.subject) for one in events.since(0)] == [
        ("e2", "leader", 1, ""),
        ("e1", "node_lost", 2, "y"),
        (f"e{4 + TOGETHER}", "node_lost", 1, "z"),
    ]
    assert [one.id for one in events.since(2)] == ["e1", f"e{4 + TOGETHER}"], "one more of them is news"
    assert [one.level for one in events.since(0)] == ["info", "warning", "warning"]


def test_leaders_are_never_counted_together() -> None:
    assert len(noted(event(1, "leader"), event(2, "leader")).since(0)) == 2


def test_the_oldest_are_forgotten() -> None:
    events = noted(*(event(at, "leader") for at in range(1, 10)), most=3)
    assert [one.id for one in events.since(0)] == ["e7", "e8", "e9"]


def test_lists_of_two_servers_are_one_by_time_and_id() -> None:
    def messages(*events: Event) -> list[pb.ClusterEvent]:
        return [one.message for one in events]

    ours = messages(event(1), event(5, count=2))
    theirs = messages(event(3), replace(event(5, count=2), id="e5", count=4))
    assert [(one.id, one.count) for one in merged(ours, theirs)] == [("e1", 1), ("e3", 1), ("e5", 4)]
    assert merged(ours, theirs) == merged(theirs, ours)
    assert len(merged(messages(*(event(at) for at in range(1, 2 * MOST))), [])) == MOST
