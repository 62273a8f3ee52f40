"""The judge is told of every fault that was put into a history, and finds none in a sound one."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.e2e.oracle.evidence import Absence, Entry, Evidence, Expected, Job, Mark, Millis, Write
from tests.e2e.oracle.judge import Verdict, judge, ticks
from tests.e2e.oracle.logs import troubles

START = 1_700_000_000_000


def sound() -> Evidence:
    """One plan of three ticks, the second of which was taken over after its agent died, and one run by hand."""
    expected = Expected("load", "p", "* * * * * *", "UTC", START + 5, START + 3_999, START + 1000)
    jobs = [job("j1", 1000), job("j2", 2000), job("j3", 3000), job("m1", 3500, trigger="manual", created_by="k1")]
    journals = [
        entry("j1-a1", 1),
        entry("j2-a1", 2, status="lost"),
        entry("j2-a2", 5, agent="b"),
        entry("j3-a1", 3),
        entry("m1-a1", 4),
    ]
    return Evidence(
        (expected,),
        tuple(jobs),
        tuple(journals),
        (("j1", 1), ("j2", 5), ("j3", 3)),
        frozenset({"p"}),
        {"k1": "m1"},
        (Write("plan", "load/p", True),),
        {"load": 0},
    )


def job(job_id: str, at: Millis, *, trigger: str = "schedule", created_by: str = "", status: str = "complete") -> Job:
    plan = "p" if trigger == "schedule" else "by_hand"
    return Job(job_id, "load", plan, trigger, status, "", START + at, created_by)


def entry(allocation_id: str, fence: int, *, status: str = "complete", agent: str = "a") -> Entry:
    return Entry(agent, allocation_id, fence, allocation_id.partition("-")[0], START, status, True)


def without(evidence: Evidence, job_id: str) -> Evidence:
    return replace(evidence, jobs=tuple(one for one in evidence.jobs if one.id != job_id))


def changed(evidence: Evidence, allocation_id: str, **more: object) -> Evidence:
    return replace(
        evidence,
        journals=tuple(
            replace(one, **more) if one.allocation_id == allocation_id else one for one in evidence.journals
        ),
    )


def exclusive() -> Evidence:
    """A plan that forbids overlap; its second tick was skipped, as the first run was not over."""
    jobs = [job("j1", 1000), job("j2", 2000, status="skipped"), job("j3", 3000)]
    entries = [entry("j1-a1", 1), entry("j3-a1", 3, agent="b")]
    spans = [(START + 1_010, START + 2_400), (START + 3_010, START + 4_400)]
    return Evidence(
        (Expected("load", "p", "* * * * * *", "UTC", START, START + 3_999),),
        (jobs[0], replace(jobs[1], reason="overlap"), jobs[2]),
        tuple(replace(one, started_at=a, finished_at=b) for one, (a, b) in zip(entries, spans, strict=True)),
        exclusive=frozenset({"p"}),
        marks=(
            Mark("began", "j1", 1, START + 1_020),
            Mark("ended", "j1", 1, START + 2_390),
            Mark("began", "j3", 3, START + 3_020),
        ),
    )


def given_up() -> Evidence:
    """The first run was completed twice: its agent had been silent for long when another was given it."""
    evidence = changed(sound(), "j2-a1", status="complete")
    evidence = changed(evidence, "j2-a2", started_at=START + 30_000)
    evidence = replace(evidence, witnessed=(*evidence.witnessed, ("j2", 2)))
    return replace(evidence, absences=(Absence("a", START + 20_000, START + 40_000),))


def ended(evidence: Evidence, job_id: str, status: str) -> Evidence:
    return replace(
        evidence, jobs=tuple(replace(one, status=status) if one.id == job_id else one for one in evidence.jobs)
    )


def test_a_sound_history_is_clean() -> None:
    verdict = judge(sound())
    assert verdict.clean, verdict
    assert (verdict.ticks, verdict.starts, verdict.retaken) == (3, 5, 1)


@pytest.mark.parametrize("evidence", [exclusive(), given_up()], ids=["exclusive", "given up"])
def test_what_is_right_elsewhere_is_clean(evidence: Evidence) -> None:
    verdict = judge(evidence)
    assert verdict.clean, verdict


FAULTS: dict[str, tuple[str, str, Callable[[Evidence], Evidence]]] = {
    "a tick without a run": ("lost", "no run of 2023-11-14T22:13:23", lambda it: without(it, "j3")),
    "a first tick that was passed over": (
        "lost",
        "the first tick",
        lambda it: replace(it, expected=(replace(it.expected[0], first=START + 2000),)),
    ),
    "a run that failed for no reason": ("lost", "j1 of p ended failed", lambda it: ended(it, "j1", "failed")),
    "a complete run that nobody ran": (
        "lost",
        "no agent has completed",
        lambda it: changed(it, "j1-a1", status="failed"),
    ),
    "a complete run whose command never ran": (
        "lost",
        "its command never ran",
        lambda it: replace(it, witnessed=it.witnessed[1:]),
    ),
    "two runs of one tick": (
        "doubled",
        "2 runs of 2023-11-14T22:13:22",
        lambda it: replace(it, jobs=(*it.jobs, job("j9", 2000)), journals=(*it.journals, entry("j9-a1", 9))),
    ),
    "a run that was not due": (
        "doubled",
        "not due",
        lambda it: replace(it, jobs=(*it.jobs, job("j9", 2500)), journals=(*it.journals, entry("j9-a1", 9))),
    ),
    "two starts with one fence": (
        "doubled",
        "was started 2 times",
        lambda it: replace(it, journals=(*it.journals, entry("j1-a1", 1, status="lost", agent="b"))),
    ),
    "a command that ran twice": (
        "doubled",
        "ran 2 times",
        lambda it: replace(it, witnessed=(*it.witnessed, ("j1", 1))),
    ),
    "a command without a journaled start": (
        "doubled",
        "no journal has its start",
        lambda it: changed(it, "j1-a1", started_at=None),
    ),
    "two completions of one run": (
        "doubled",
        "completed 2 times",
        lambda it: changed(it, "j2-a1", status="complete"),
    ),
    "another attempt beside one that holds on": (
        "doubled",
        "tried again although",
        lambda it: changed(it, "j2-a1", status="running"),
    ),
    "a job on two pages": ("doubled", "listed 2 times", lambda it: replace(it, jobs=(*it.jobs, it.jobs[0]))),
    "two runs of one key": (
        "doubled",
        "key k1 has 2 runs",
        lambda it: replace(
            it,
            jobs=(*it.jobs, job("m2", 3600, trigger="manual", created_by="k1")),
            journals=(*it.journals, entry("m2-a1", 9)),
        ),
    ),
    "a run of an unknown job": (
        "doubled",
        "not listed",
        lambda it: replace(it, journals=(*it.journals, entry("j9-a1", 9))),
    ),
    "a run that is still pending": ("stuck", "j3 of p is pending", lambda it: ended(it, "j3", "pending")),
    "an attempt that never ended": ("stuck", "has not ended on a", lambda it: changed(it, "j3-a1", status="")),
    "an end that was never taken": (
        "stuck",
        "was not acknowledged",
        lambda it: changed(it, "j3-a1", acknowledged=False),
    ),
    "a leaked slot": ("stuck", "1 slots in use", lambda it: replace(it, slots={"load": 1})),
    "a lost write": (
        "missing",
        "plan load/p was acknowledged",
        lambda it: replace(it, writes=(Write("plan", "load/p", False),)),
    ),
    "a run whose fate is open": ("stuck", "j3 of p is unknown", lambda it: ended(it, "j3", "unknown")),
    "a skipped tick of a plan that allows overlap": (
        "lost",
        "ended skipped overlap",
        lambda _: replace(exclusive(), exclusive=frozenset()),
    ),
    "a plan of which every tick was skipped": (
        "lost",
        "every tick of p was skipped",
        lambda _: replace(
            exclusive(), jobs=tuple(replace(one, status="skipped", reason="overlap") for one in exclusive().jobs)
        ),
    ),
    "runs that overlap by the journals": (
        "overlapping",
        "by the journals, j3-a1 on b began 1 ms before j1-a1 on a ended",
        lambda _: changed(exclusive(), "j1-a1", finished_at=START + 3_011),
    ),
    "runs that overlap by their own marks": (
        "overlapping",
        "by the commands, j3 of fence 3 began 80 ms before j1 of fence 1 ended",
        lambda _: replace(
            exclusive(),
            marks=tuple(replace(it, at=START + 3_100) if it.what == "ended" else it for it in exclusive().marks),
        ),
    ),
    "another attempt while the agent was not silent for long": (
        "doubled",
        "tried again although",
        lambda _: changed(given_up(), "j2-a2", started_at=START + 19_999),
    ),
    "another attempt though the agent was back before it began": (
        "doubled",
        "tried again although",
        lambda _: changed(given_up(), "j2-a1", started_at=START + 40_001),
    ),
    "a lost run by hand": ("missing", "run m1 of key k1", lambda it: without(it, "m1")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_told(fault: str) -> None:
    where, words, spoil = FAULTS[fault]
    verdict = judge(spoil(sound()))
    found: list[str] = getattr(verdict, where)
    assert any(words in finding for finding in found), verdict


def test_findings_of_one_history_are_not_those_of_another() -> None:
    judge(without(sound(), "j3"))
    assert judge(sound()) == judge(sound())
    assert Verdict().clean


def test_ticks_are_those_between_creation_and_the_end() -> None:
    plan = Expected("n", "p", "*/20 * * * * *", "Europe/Berlin", START, START + 60_000)
    assert [at - START for at in ticks(plan)] == [20_000, 40_000, 60_000]
    assert ticks(replace(plan, after=START + 19_999))[0] == START + 20_000
    assert ticks(replace(plan, until=START + 19_999)) == []


def test_a_traceback_is_found_with_what_stands_around_it() -> None:
    text = "well\nserver: ended\nTraceback (most recent call last):\n  File x\nKeyError: 'y'\n"
    (trouble,) = troubles("server", text)
    assert "line 3" in trouble
    assert "KeyError" in trouble
    assert troubles("server", "all is well\n") == []
