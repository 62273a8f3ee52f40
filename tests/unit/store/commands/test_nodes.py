"""Nodes come, fall, come back and go; namespaces are made, changed and unmade."""

import pytest
from msgspec.structs import replace

from jobpool.model.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied
from jobpool.model.namespace import WhenFull
from jobpool.model.node import Node
from jobpool.model.statuses import AllocationStatus, NodeStatus, PlanStatus
from jobpool.store.commands import (
    AddNamespace,
    AddPlan,
    CancelRun,
    DeleteNamespace,
    DeletePlan,
    DrainNode,
    EndStream,
    NamespaceSettings,
    RegisterNode,
    RemoveNode,
    RenameNamespace,
    SetNodeStatus,
    StartRun,
    UpdateNamespace,
)
from tests.unit.store.commands.bench import Bench, plan_patch


def status(bench: Bench) -> NodeStatus:
    return bench.state.nodes["a"].status


def session(bench: Bench) -> int:
    return bench.state.nodes["a"].session


@pytest.mark.invariant("H-5")
def test_a_node_that_fell_is_ready_only_after_it_said_what_it_holds() -> None:
    bench = Bench()
    bench.node()
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    bench.do(SetNodeStatus("a", NodeStatus.READY))
    assert status(bench) is NodeStatus.DOWN
    bench.do(RegisterNode(bench.state.nodes["a"], "s1"))
    assert status(bench) is NodeStatus.INITIALIZING
    assert not bench.state.ready_nodes("noop")
    bench.do(SetNodeStatus("a", NodeStatus.READY))
    assert bench.state.ready_nodes("noop") == ["a"]


@pytest.mark.invariant("H-4")
def test_saying_what_is_so_writes_nothing() -> None:
    bench = Bench()
    bench.node()
    n = bench.state.fence.n
    bench.do(SetNodeStatus("a", NodeStatus.READY, "other words"))
    bench.do(SetNodeStatus("b", NodeStatus.DOWN))
    assert bench.state.fence.n == n


@pytest.mark.invariant("H-3")
def test_a_fall_commits_the_status_only() -> None:
    bench = Bench()
    bench.node()
    bench.plan()
    bench.do(StartRun("default", "p", "r1"))
    run = bench.place(bench.live("r1"))
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    assert bench.live("r1") == run


def test_another_secret_is_another_agent() -> None:
    bench = Bench()
    bench.node()
    with pytest.raises(PermissionDenied) as refusal:
        bench.do(RegisterNode(replace(bench.state.nodes["a"], secret_hash="1"), "s1"))
    assert refusal.value.field == "secret"


def test_two_streams_of_one_batch_are_told_apart() -> None:
    bench = Bench()
    node = Node("a", "a", "0", NodeStatus.INITIALIZING, 0, 0)
    first, second = bench.batch(RegisterNode(node, "s1"), RegisterNode(node, "s2"))
    assert isinstance(first, Node)
    assert isinstance(second, Node)
    assert (first.server, second.server, bench.state.nodes["a"].server) == ("s1", "s2", "s2")
    assert first.session < second.session
    n = bench.state.fence.n
    bench.do(EndStream("a", first.session, False))
    bench.do(SetNodeStatus("a", NodeStatus.READY, "", first.session))
    bench.do(DrainNode("a", first.session))
    assert bench.state.fence.n == n
    bench.do(SetNodeStatus("a", NodeStatus.READY, "", second.session))
    assert status(bench) is NodeStatus.READY


def test_the_end_of_a_stream_is_not_the_end_of_the_node() -> None:
    bench = Bench()
    bench.node()
    bench.plan()
    bench.do(StartRun("default", "p", "r1"))
    run = bench.place(bench.live("r1"))
    bench.do(EndStream("a", session(bench), True))
    node = bench.state.nodes["a"]
    assert (node.status, node.server, node.settled) == (NodeStatus.INITIALIZING, "", False)
    assert bench.live("r1") == run
    n = bench.state.fence.n
    bench.do(EndStream("a", session(bench), True))
    assert bench.state.fence.n == n


@pytest.mark.parametrize(("drained", "status"), [(True, NodeStatus.DOWN), (False, NodeStatus.INITIALIZING)])
def test_who_took_leave_and_left_nothing_is_down(drained: bool, status: NodeStatus) -> None:
    bench = Bench()
    bench.node()
    bench.do(DrainNode("a", session(bench)))
    bench.do(EndStream("a", session(bench), drained))
    assert bench.state.nodes["a"].status is status


def test_a_draining_node_takes_nothing_until_it_comes_anew() -> None:
    bench = Bench()
    bench.node()
    bench.do(DrainNode("a", session(bench)))
    assert not bench.state.ready_nodes("noop")
    bench.do(DrainNode("a", session(bench)))
    bench.node()
    assert bench.state.ready_nodes("noop") == ["a"]


def test_only_a_node_that_is_down_and_empty_can_be_removed() -> None:
    bench = Bench()
    bench.node()
    bench.plan()
    bench.do(StartRun("default", "p", "r1"))
    run = bench.place(bench.live("r1"))
    with pytest.raises(FailedPrecondition, match="ready"):
        bench.do(RemoveNode("a"))
    bench.do(SetNodeStatus("a", NodeStatus.DOWN))
    with pytest.raises(FailedPrecondition, match=r"1 run still with node a.*delete the node with force"):
        bench.do(RemoveNode("a"))
    bench.report(run, AllocationStatus.COMPLETE)
    bench.do(RemoveNode("a", if_down_since=bench.now - 1))
    assert "a" in bench.state.nodes
    bench.do(RemoveNode("a", if_down_since=bench.now))
    assert "a" not in bench.state.nodes
    with pytest.raises(NotFound):
        bench.do(RemoveNode("a"))


# ---- namespaces


def test_settings_change_one_by_one() -> None:
    bench = Bench(slots=5)
    bench.do(UpdateNamespace("default", NamespaceSettings(when_full=WhenFull.WAIT)))
    namespace = bench.state.namespaces["default"]
    assert (namespace.job_parallelism_limit, namespace.when_full) == (5, WhenFull.WAIT)
    n = bench.state.fence.n
    bench.do(UpdateNamespace("default", NamespaceSettings(when_full=WhenFull.WAIT)))
    assert bench.state.fence.n == n


@pytest.mark.invariant("P-2")
def test_a_lower_limit_ends_nothing_and_starts_nothing() -> None:
    bench = Bench(slots=2)
    bench.plan(spec="*/10 * * * * *")
    for job_id in ("r1", "r2"):
        bench.do(StartRun("default", "p", job_id))
    bench.do(UpdateNamespace("default", NamespaceSettings(job_parallelism_limit=1)))
    assert bench.state.slots_used("default") == 2
    bench.do(CancelRun("r1"))
    bench.now += 10_000
    bench.tick_all()
    assert bench.state.slots_used("default") == 1


def test_a_limit_of_zero_is_the_servers() -> None:
    bench = Bench(slots=0)
    assert bench.state.slot_limit("default") == 100


def test_only_an_empty_namespace_can_be_renamed_or_deleted() -> None:
    bench = Bench()
    bench.plan(periodic=None)
    with pytest.raises(FailedPrecondition, match="1 plan and 0 live jobs"):
        bench.do(DeleteNamespace("default"))
    bench.do(StartRun("default", "p", "r1"))
    bench.update(status=PlanStatus.DEAD)
    bench.do(DeletePlan("default", "p"))
    with pytest.raises(FailedPrecondition, match="0 plans and 1 live job and"):
        bench.do(RenameNamespace("default", "other", NamespaceSettings()))
    bench.do(CancelRun("r1"))
    bench.do(RenameNamespace("default", "other", NamespaceSettings(description="new")))
    assert [(each.name, each.description) for each in bench.state.namespaces.values()] == [("other", "new")]
    bench.do(DeleteNamespace("other"))
    assert not bench.state.namespaces


def test_a_namespace_is_refused_while_the_same_batch_fills_it() -> None:
    bench = Bench()
    bench.plan(periodic=None)
    bench.update(status=PlanStatus.DEAD)
    bench.do(DeletePlan("default", "p"))
    with pytest.raises(FailedPrecondition):
        bench.batch(AddPlan("default", "q", plan_patch(), "UTC"), DeleteNamespace("default"))


def test_names_are_unique_and_must_exist() -> None:
    bench = Bench()
    bench.do(AddNamespace("default", if_absent=True))
    with pytest.raises(AlreadyExists):
        bench.do(AddNamespace("default"))
    bench.do(AddNamespace("other"))
    with pytest.raises(AlreadyExists):
        bench.do(RenameNamespace("other", "default", NamespaceSettings()))
    for command in (UpdateNamespace("x", NamespaceSettings()), DeleteNamespace("x")):
        with pytest.raises(NotFound):
            bench.do(command)
