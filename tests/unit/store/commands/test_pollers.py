"""Agents of the original: known by their secret, never told anything, given only what they can run."""

from itertools import product

import pytest
from msgspec.structs import replace

from jobpool.model.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied, ResourceExhausted
from jobpool.model.node import Node
from jobpool.model.parameters import is_portable
from jobpool.model.run import Run
from jobpool.model.schedule import Delivery, Overlap
from jobpool.model.statuses import AllocationStatus, JobStatus, NodeStatus
from jobpool.scheduler import Refusal, room_for, room_kind, verify
from jobpool.store.commands import CancelRun, MoveAttempt, SetNodeStatus, StartDrain, StartRun, releases
from jobpool.store.commands.pollers import ALIKE, BeatPoller, EnrolPoller, LosePolled, TimeOutPolled
from tests.unit.store.commands.bench import NOON, REST, Bench

ID = "01HV6ZGQF3M8AXEJ4BCW0N7PKT"
CALL = '{"url": "http://127.0.0.1:1/", "method": "POST", "body": "x", "contentType": "text/plain"}'


def poller(node_id: str = ID, *, secret: str = "1", status: NodeStatus = NodeStatus.INITIALIZING) -> Node:
    return Node(node_id, "go", secret, status, NOON, NOON, executors=("rest",), polling=True)


def enrolled(bench: Bench) -> Node:
    bench.do(EnrolPoller(poller()))
    return bench.do(BeatPoller(ID, "1", NodeStatus.READY))


def placed(bench: Bench, **plan: object) -> Run:
    bench.plan(**{**REST, **plan})
    bench.do(StartRun("default", "p", "r1"))
    return bench.place(bench.live("r1"), ID)


@pytest.mark.parametrize("name", [ID, ID.lower()])
def test_after_a_restart_it_is_the_node_it_was_with_a_session_of_its_own(name: str) -> None:
    bench = Bench()
    first = enrolled(bench)
    again = bench.do(EnrolPoller(poller(name)))
    assert (again.id, again.status) == (ID, NodeStatus.INITIALIZING)
    assert again.session > first.session
    assert bench.do(BeatPoller(name, "1", NodeStatus.READY)).status is NodeStatus.READY
    assert list(bench.state.nodes) == [ID]
    assert bench.state.node_named(name) == ID


def test_saying_again_who_it_is_is_no_restart_and_writes_nothing() -> None:
    bench = Bench()
    node = enrolled(bench)
    n = bench.state.fence.n
    assert bench.do(EnrolPoller(poller(status=NodeStatus.READY))) == node
    assert bench.state.fence.n == n


@pytest.mark.invariant("H-4")
def test_a_beat_without_news_writes_nothing() -> None:
    bench = Bench()
    node = enrolled(bench)
    n = bench.state.fence.n
    assert bench.do(BeatPoller(ID, "1", NodeStatus.READY, "other words")) == node
    assert bench.state.fence.n == n


def test_another_secret_is_refused_and_in_other_letters_another_node() -> None:
    bench = Bench()
    enrolled(bench)
    with pytest.raises(AlreadyExists):
        bench.do(EnrolPoller(poller(secret="2")))
    with pytest.raises(PermissionDenied):
        bench.do(BeatPoller(ID, "2", NodeStatus.DOWN))
    bench.do(EnrolPoller(poller(ID.lower(), secret="2")))
    assert set(bench.state.nodes) == {ID, ID.lower()}
    assert bench.state.node_named(ID.lower()) == ID.lower()


def test_only_so_many_ids_differ_in_nothing_but_case() -> None:
    """Whoever registers is compared with all of them: 10,000 made every beat of any of them take milliseconds."""
    bench = Bench()
    ids = ["".join(letters) for letters in product(*("aA", "bB", "cC", "dD", "eE"))]
    for number, node_id in enumerate(ids[:ALIKE]):
        bench.do(EnrolPoller(poller(node_id, secret=str(number))))
    with pytest.raises(ResourceExhausted, match="ID: 16 nodes have the same"):
        bench.do(EnrolPoller(poller(ids[ALIKE], secret="more")))
    assert bench.do(EnrolPoller(poller(ids[ALIKE], secret="3"))).id == ids[3]
    bench.do(EnrolPoller(poller("other", secret="more")))
    assert len(bench.state.nodes) == ALIKE + 1


def test_the_node_of_an_agent_with_a_stream_is_not_taken() -> None:
    bench = Bench()
    bench.node("a")
    with pytest.raises(AlreadyExists):
        bench.do(EnrolPoller(poller("a", secret="0")))
    with pytest.raises(FailedPrecondition):
        bench.do(BeatPoller("a", "0", NodeStatus.DOWN))


def test_who_is_not_known_is_told_in_the_words_it_looks_for() -> None:
    with pytest.raises(NotFound, match="node not found"):
        Bench().do(BeatPoller("nobody", "1", NodeStatus.READY))


def test_a_node_that_fell_is_back_with_its_next_beat() -> None:
    bench = Bench()
    before = enrolled(bench)
    bench.do(SetNodeStatus(ID, NodeStatus.DOWN, "no heartbeat received", before.session))
    back = bench.do(BeatPoller(ID, "1", NodeStatus.READY))
    assert back.status is NodeStatus.READY
    assert back.session > before.session
    assert bench.state.ready_nodes("rest") == [ID]


def test_an_operators_word_outlasts_a_restart() -> None:
    bench = Bench()
    enrolled(bench)
    bench.do(StartDrain(ID, None, "old machine"))
    again = bench.do(EnrolPoller(poller()))
    assert (again.eligible, again.eligibility_description) == (False, "old machine")
    assert again.drain is not None


@pytest.mark.parametrize(
    ("delivery", "status"), [(Delivery.AT_LEAST_ONCE, JobStatus.PENDING), (Delivery.AT_MOST_ONCE, JobStatus.FAILED)]
)
def test_what_it_had_before_a_restart_is_lost_by_the_plans_rules(delivery: Delivery, status: JobStatus) -> None:
    bench = Bench()
    enrolled(bench)
    run = placed(bench, delivery=delivery)
    bench.do(EnrolPoller(poller()))
    assert bench.do(LosePolled("r1", ID, run.attempts[-1].fence))
    left = bench.live("r1") if status is JobStatus.PENDING else bench.ended[0]
    assert (left.status, left.attempts[-1].status) == (status, AllocationStatus.FAILED)
    assert not bench.do(LosePolled("r1", ID, run.attempts[-1].fence))


def test_a_cancelled_run_ends_at_once_because_nobody_can_tell_the_agent() -> None:
    bench = Bench()
    enrolled(bench)
    placed(bench)
    assert bench.do(CancelRun("r1")).status is JobStatus.CANCELLED
    assert bench.state.slots_used("default") == 0


@pytest.mark.invariant("C-6")
def test_a_cancelled_run_that_nothing_may_overlap_waits_for_the_agents_word() -> None:
    bench = Bench()
    enrolled(bench)
    placed(bench, overlap=Overlap.SKIP)
    assert bench.do(CancelRun("r1")).cancel_requested
    bench.report(bench.live("r1"), AllocationStatus.FAILED)
    assert bench.ended[0].status is JobStatus.CANCELLED


def test_a_drain_whose_time_is_over_moves_what_is_there() -> None:
    bench = Bench()
    enrolled(bench)
    run = placed(bench)
    bench.do(StartDrain(ID, 0))
    assert bench.do(MoveAttempt("r1", ID, run.attempts[-1].fence))
    assert bench.live("r1").open_attempt is None
    assert bench.state.node_load(ID) == 0


def test_what_it_has_is_taken_from_it_when_it_falls() -> None:
    bench = Bench()
    enrolled(bench)
    placed(bench)
    bench.do(BeatPoller(ID, "1", NodeStatus.DOWN))
    for release in releases(bench.state, ID, 10):
        bench.do(release)
    assert bench.live("r1").open_attempt is None
    assert bench.live("r1").losses == 1


def test_the_time_of_one_attempt_does_not_end_the_next() -> None:
    bench = Bench()
    enrolled(bench)
    run = placed(bench)
    bench.do(LosePolled("r1", ID, run.attempts[-1].fence))
    bench.place(bench.live("r1"), ID)
    bench.do(TimeOutPolled("r1", 1))
    assert bench.live("r1").open_attempt is not None
    bench.do(TimeOutPolled("r1", 2))
    assert bench.ended[0].status is JobStatus.EXPIRED


@pytest.mark.parametrize(
    ("parameters", "fits"),
    [
        (CALL, True),
        ('{"url": "http://h/", "method": "get"}', True),
        ('{"url": "http://h/", "method": "put"}', False),
        ('{"url": "http://h/"}', False),
        ('{"url": "http://h/", "method": "post", "body": {"a": 1}}', False),
        ('{"url": "http://h/", "method": "post", "headers": {"A": "b"}}', False),
        ('{"url": "http://h/", "method": "post", "timeout": "3s"}', False),
        ("", False),
    ],
)
def test_what_would_break_it_is_not_given_to_it(parameters: str, fits: bool) -> None:
    bench = Bench()
    enrolled(bench)
    bench.node("ours")
    assert is_portable("rest", parameters) is fits
    bench.plan(executor="rest", parameters=CALL)
    bench.do(StartRun("default", "p", "r1", parameters=None))
    if parameters:
        bench.update(parameters=parameters)
        refusal = verify(bench.live("r1"), ID, view=bench.state)
        assert refusal is (None if fits else Refusal.NOT_PORTABLE)
        assert verify(bench.live("r1"), "ours", view=bench.state) is None


def test_a_run_with_parameters_of_its_own_or_without_its_plan_does_not_go_there() -> None:
    bench = Bench()
    enrolled(bench)
    bench.plan(executor="rest", parameters=CALL)
    bench.do(StartRun("default", "p", "r1", parameters=CALL))
    assert verify(bench.live("r1"), ID, view=bench.state) is Refusal.NOT_PORTABLE
    bench.do(StartRun("default", "p", "r2"))
    run = replace(bench.live("r2"), plan_id="gone")
    assert verify(run, ID, view=bench.state) is Refusal.NOT_PORTABLE


def test_room_at_it_is_for_what_it_can_run_and_room_at_ours_for_both() -> None:
    bench = Bench()
    enrolled(bench)
    bench.node("ours")
    bench.plan(executor="rest", parameters=CALL)
    bench.do(StartRun("default", "p", "any"))
    bench.do(StartRun("default", "p", "own", parameters=CALL))
    theirs, ours = room_for(bench.state.nodes[ID]), room_for(bench.state.nodes["ours"])
    kinds = room_kind(bench.live("any"), bench.state), room_kind(bench.live("own"), bench.state)
    assert kinds[0] in theirs
    assert kinds[0] in ours
    assert kinds[1] not in theirs
    assert kinds[1] in ours
