"""Who is asked when, on a clock that is told the time: rounds, pauses, shares, and what is never sent twice."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from jobpool.client.endpoints import Endpoint
from jobpool.client.errors import Unreachable
from jobpool.client.rounds import LONGEST_PAUSE, Rounds
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import Millis
from jobpool.model.errors import DeadlineExceeded, JobpoolError, NotFound, Unavailable
from jobpool.testing.clock import FakeClock, settle

NOBODY_LEADS = Unavailable("there is no leader; try again", field="leader")
BROKEN = Unavailable("the connection broke")
AWAY = Unreachable([(Endpoint("b", 1), "connection refused")])
LATE = DeadlineExceeded("no answer")


class Net:
    """Servers that answer by a script, the last line for ever; a number is how long they stay silent."""

    def __init__(self, *, hasty: bool = False, **scripts: Sequence[JobpoolError | str | Millis]) -> None:
        self.clock = FakeClock()
        self.asked: list[tuple[Millis, str, Millis]] = []
        self._scripts = {name: list(script) for name, script in scripts.items()}
        self.rounds = Rounds(list(scripts), clock=self.clock, dice=Dice(1), hasty=hasty)

    async def ask(self, site: str, left: Millis) -> str:
        self.asked.append((self.clock.monotonic(), site, left))
        script = self._scripts[site]
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, int):
            await self.clock.sleep(min(answer, left))
            raise LATE
        if isinstance(answer, JobpoolError):
            raise answer
        return answer

    async def call(self, *, repeatable: bool, timeout: Millis = 5000) -> str:
        """The answer, while time passes in steps of 10 ms."""
        call = self.rounds.call("Call", self.ask, repeatable=repeatable, timeout=timeout)
        waiting = asyncio.get_running_loop().create_task(call)
        await settle()
        while not waiting.done():
            await self.clock.advance(10)
        return await waiting

    def order(self) -> str:
        return "".join(site for _, site, _ in self.asked)


async def test_the_first_that_answers() -> None:
    net = Net(a=["one"], b=["two"])
    assert await net.call(repeatable=True) == "one"
    assert net.order() == "a"


async def test_who_answered_last_is_asked_first() -> None:
    net = Net(a=[BROKEN], b=["two"], c=["three"])
    for _ in range(3):
        assert await net.call(repeatable=True) == "two"
    assert net.order() == "abbb"


async def test_who_refused_last_is_asked_first() -> None:
    net = Net(a=[BROKEN], b=[NotFound("plan", "x")])
    for _ in range(2):
        with pytest.raises(NotFound):
            await net.call(repeatable=True)
    assert net.order() == "abb"


async def test_rounds_go_on_until_somebody_answers() -> None:
    net = Net(a=[BROKEN], b=[NOBODY_LEADS, NOBODY_LEADS, NOBODY_LEADS, "two"])
    assert await net.call(repeatable=True) == "two"
    assert net.order() == "abababab"


async def test_pauses_grow_to_a_limit_and_are_left_to_chance() -> None:
    net = Net(a=[BROKEN])
    with pytest.raises(Unavailable, match="broke"):
        await net.call(repeatable=True, timeout=20_000)
    moments = [at for at, _, _ in net.asked]
    pauses = [after - before for before, after in pairwise(moments)]
    for count, pause in enumerate(pauses):
        span = min(LONGEST_PAUSE, 50 * 2**count)
        assert span // 2 <= pause <= span + 10
    assert len(set(pauses[6:])) > 5
    assert moments[-1] <= 20_000


async def test_time_is_shared_by_those_that_are_still_to_be_asked() -> None:
    net = Net(a=[10_000], b=[10_000], c=["three"])
    assert await net.call(repeatable=True, timeout=3000) == "three"
    assert [(site, left) for _, site, left in net.asked] == [("a", 1000), ("b", 1000), ("c", 1000)]


async def test_a_change_may_take_all_the_time() -> None:
    net = Net(a=[10_000], b=["two"])
    with pytest.raises(DeadlineExceeded):
        await net.call(repeatable=False, timeout=3000)
    assert net.asked == [(0, "a", 3000)]


@pytest.mark.parametrize("failure", [BROKEN, LATE])
async def test_a_change_that_may_have_been_made_is_never_sent_again(failure: JobpoolError) -> None:
    net = Net(a=[AWAY], b=[failure], c=["three"])
    with pytest.raises(type(failure)):
        await net.call(repeatable=False)
    assert net.order() == "ab"


@pytest.mark.parametrize("failure", [AWAY, NOBODY_LEADS])
async def test_a_change_that_was_not_made_is_sent_again(failure: JobpoolError) -> None:
    net = Net(a=[failure, failure, "one"], b=[failure])
    assert await net.call(repeatable=False) == "one"
    assert net.order() == "ababa"


async def test_the_verdict_is_about_the_last_of_each() -> None:
    net = Net(a=[BROKEN, AWAY], b=[AWAY])
    with pytest.raises(Unreachable) as raised:
        await net.call(repeatable=True, timeout=1000)
    assert len(raised.value.failures) == 2


async def test_a_server_that_was_reached_says_most() -> None:
    net = Net(a=[AWAY], b=[NOBODY_LEADS])
    with pytest.raises(Unavailable, match="no leader"):
        await net.call(repeatable=True, timeout=1000)


async def test_no_time_at_all() -> None:
    net = Net(a=["one"])
    with pytest.raises(DeadlineExceeded, match="no time was left for Call"):
        await net.call(repeatable=True, timeout=0)
    assert not net.asked


@pytest.mark.parametrize("failure", [AWAY, BROKEN, LATE])
async def test_haste_ends_with_the_first_round(failure: JobpoolError) -> None:
    net = Net(hasty=True, a=[AWAY], b=[failure])
    with pytest.raises(type(failure)):
        await net.call(repeatable=True)
    assert net.order() == "ab"


@pytest.mark.parametrize("repeatable", [True, False])
async def test_haste_waits_for_a_leader(repeatable: bool) -> None:
    net = Net(hasty=True, a=[AWAY], b=[NOBODY_LEADS, NOBODY_LEADS, "two"])
    assert await net.call(repeatable=repeatable) == "two"
    assert net.order() == "ababab"
