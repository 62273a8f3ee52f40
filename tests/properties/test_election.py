"""After any faults somebody leads within two seconds and keeps the lead; nobody unseats a leader whom all hear."""

from hypothesis import given, settings
from hypothesis import strategies as st

from jobpool.kit.pure.durations import SECOND
from tests.scenarios.electorate import Electorate

SIZES = ("ab", "abc", "abcd", "abcde")
some = st.integers(0, 4)
faults = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("kill", "start", "pause", "resume", "unreach", "reach", "raft")), some, some),
        st.tuples(st.sampled_from(("cut", "mend", "cut-way", "mend-way", "isolate", "join")), some, some),
        st.tuples(st.just("wait"), st.integers(1, 30), st.integers(1, 100)),
    ),
    max_size=25,
)


def inflict(cluster: Electorate, verb: str, one: int, other: int) -> None:
    if verb == "wait":
        cluster.run(one * other)
        return
    names = list(cluster.servers)
    name, peer = names[one % len(names)], names[other % len(names)]
    server = cluster.servers[name]
    if verb == "kill":
        cluster.kill(name)
    elif verb == "start":
        if server.election is None:
            cluster.start(name)
    elif verb == "pause":
        cluster.pause(name)
    elif verb == "resume":
        if server.paused:
            cluster.resume(name)
    elif verb == "unreach":
        server.reach = False
    elif verb == "reach":
        cluster.reach(name)
    elif verb == "raft":
        cluster.set_raft(name)
    else:
        cut(cluster, verb, name, peer)


def cut(cluster: Electorate, verb: str, name: str, peer: str) -> None:
    if verb in ("isolate", "join"):
        for other in cluster.servers:
            cluster.link(name, other, up=verb == "join")
            cluster.link(other, name, up=verb == "join")
        return
    up = verb.startswith("mend")
    cluster.link(name, peer, up=up)
    if not verb.endswith("way"):
        cluster.link(peer, name, up=up)


def able(cluster: Electorate) -> list[str]:
    return [name for name, it in cluster.servers.items() if it.election is not None and not it.paused and it.reach]


@given(names=st.sampled_from(SIZES), seed=st.integers(0, 1 << 32), script=faults)
@settings(max_examples=300, deadline=None)
def test_somebody_leads_soon_after_the_last_fault_and_then_nothing_more_happens(
    names: str, seed: int, script: list[tuple[str, int, int]]
) -> None:
    cluster = Electorate(names, seed=seed)
    cluster.start()
    cluster.run(SECOND)
    for fault in script:
        inflict(cluster, *fault)
    cluster.run(2 * SECOND)
    if not able(cluster):
        return
    assert cluster.leader, cluster.told
    cluster.run(3 * SECOND)
    leader, since = cluster.leader, len(cluster.campaigns)
    cluster.run(20 * SECOND)
    late = [name for _, name in cluster.campaigns[since:] if cluster.servers[name].reach]
    assert (cluster.leader, late) == (leader, [])


others = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("kill", "start", "pause", "resume", "unreach", "reach")), some, some),
        st.tuples(st.sampled_from(("cut", "mend", "cut-way", "mend-way")), some, some),
        st.tuples(st.just("raft"), some, some),
        st.tuples(st.just("wait"), st.integers(1, 30), st.integers(1, 100)),
    ),
    max_size=40,
)


@given(names=st.sampled_from(SIZES), seed=st.integers(0, 1 << 32), script=others)
@settings(max_examples=200, deadline=None)
def test_a_leader_whom_all_hear_stays_whatever_happens_to_the_others(
    names: str, seed: int, script: list[tuple[str, int, int]]
) -> None:
    cluster = Electorate(names, seed=seed)
    cluster.start()
    cluster.run(2 * SECOND)
    leader, before = cluster.leader, len(cluster.campaigns)
    assert leader
    everybody = list(cluster.servers)
    for verb, one, other in script:
        touched = {everybody[one % len(names)], everybody[other % len(names)]}
        if verb in ("wait", "raft") or leader not in touched:
            inflict(cluster, verb, one, other)
        assert cluster.leader == leader, cluster.told
    cluster.run(5 * SECOND)
    assert (cluster.leader, cluster.campaigns[before:]) == (leader, [])


@given(names=st.sampled_from(SIZES), seed=st.integers(0, 1 << 32), spans=st.lists(st.integers(1, 2000), max_size=40))
@settings(max_examples=100, deadline=None)
def test_one_flapping_link_costs_no_term(names: str, seed: int, spans: list[int]) -> None:
    cluster = Electorate(names, seed=seed)
    cluster.start()
    cluster.run(2 * SECOND)
    leader, before = cluster.leader, len(cluster.campaigns)
    other = next(name for name in names if name != leader)
    for at, span in enumerate(spans):
        inflict(cluster, "mend" if at % 2 else "cut", names.index(leader), names.index(other))
        cluster.run(span)
    assert (cluster.leader, cluster.campaigns[before:]) == (leader, [])


@given(
    names=st.sampled_from(SIZES[1:]), seed=st.integers(0, 1 << 32), spans=st.lists(st.integers(1, 3000), max_size=40)
)
@settings(max_examples=100, deadline=None)
def test_a_server_whose_links_all_flap_loses_the_lead_once_at_most(names: str, seed: int, spans: list[int]) -> None:
    cluster = Electorate(names, seed=seed)
    cluster.start()
    cluster.run(2 * SECOND)
    leader, before, term = cluster.leader, len(cluster.campaigns), cluster.term
    for at, span in enumerate(spans):
        inflict(cluster, "join" if at % 2 else "isolate", names.index(leader), 0)
        cluster.run(span)
    assert cluster.term <= term + 1
    assert len(cluster.campaigns) - before < len(names)
    assert leader not in {name for _, name in cluster.campaigns[before:]}
