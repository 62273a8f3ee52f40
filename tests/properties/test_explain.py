"""An explanation never says otherwise than what places runs: whatever the nodes are, both find room or neither does."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jobpool.explain.placement import placement
from jobpool.model.node import Drain, Node
from jobpool.model.statuses import NodeStatus
from jobpool.scheduler import verify
from jobpool.store.commands import StartRun
from tests.unit.store.commands.bench import NOON, REST, Bench

NODES = st.builds(
    lambda status, executors, capacity, eligible, draining, polling, drained: Node(
        "",
        "",
        "0",
        status,
        NOON,
        NOON,
        executors=executors,
        capacity=capacity,
        eligible=eligible and not drained,
        draining=draining,
        polling=polling,
        drain=Drain(NOON) if drained else None,
    ),
    st.sampled_from(NodeStatus),
    st.sampled_from([("rest",), ("noop",), ("noop", "rest"), ()]),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(nodes=st.lists(NODES, max_size=6), rest=st.booleans(), own=st.booleans())
def test_there_is_room_or_a_reason(nodes: list[Node], *, rest: bool, own: bool) -> None:
    bench = Bench()
    bench.plan(**(REST if rest else {}))
    parameters = REST["parameters"] if rest else "{}"
    bench.do(StartRun("default", "p", "r1", parameters=parameters if own else None))
    run = bench.live("r1")
    bench.state.nodes.update((str(at), replace(node, id=str(at))) for at, node in enumerate(nodes))
    room = [node_id for node_id in bench.state.nodes if verify(run, node_id, view=bench.state) is None]
    found = placement(bench.state, run)
    assert (found is None) == bool(room)
    assert found is None or (found.blocks and found.remedy_text)
