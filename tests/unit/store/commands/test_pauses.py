"""The pause as a record: who said so and since when, and that saying it twice is harmless."""

from jobpool.kit.pure.durations import MINUTE
from jobpool.model.pause import Pause
from jobpool.store.commands import PauseScheduling, ResumeScheduling
from tests.unit.store.commands.bench import Bench


def test_it_says_who_why_and_since_when() -> None:
    bench = Bench()
    start = bench.now
    assert bench.do(PauseScheduling("ada", "moving")) == Pause(start, "ada", "moving") == bench.state.pause


def test_said_again_it_takes_the_newer_words_and_the_older_time() -> None:
    bench = Bench()
    start = bench.now
    bench.do(PauseScheduling("ada", "moving"))
    n = bench.state.fence.n
    bench.now += MINUTE
    bench.do(PauseScheduling("ada", "moving"))
    assert bench.state.fence.n == n, "the same again writes nothing"
    bench.do(PauseScheduling("bob"))
    assert bench.state.pause == Pause(start, "bob")


def test_a_resumed_one_is_gone_and_a_later_one_is_another() -> None:
    bench = Bench()
    bench.do(PauseScheduling("ada"))
    bench.do(ResumeScheduling())
    assert bench.state.pause is None
    n = bench.state.fence.n
    bench.do(ResumeScheduling())
    assert bench.state.fence.n == n
    bench.now += MINUTE
    bench.do(PauseScheduling("ada"))
    assert bench.state.pause == Pause(bench.now, "ada")


def test_commands_of_one_batch_see_each_other() -> None:
    bench = Bench()
    both = bench.batch(PauseScheduling("ada"), PauseScheduling("bob"), ResumeScheduling(), PauseScheduling("eve"))
    assert [getattr(it, "by", None) for it in both] == ["ada", "bob", None, "eve"]
    assert bench.state.pause == Pause(bench.now, "eve")
