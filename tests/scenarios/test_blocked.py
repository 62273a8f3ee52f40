"""The parked evaluations told as stories: who waits for room, and who is woken by it."""

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import pytest

from jobpool.leader.blocked import Blocked
from jobpool.model.queued import QueuedEvaluation
from tests.scenarios.story import stories, told

Words = list[str]
Options = dict[str, str]


class Stage:
    """Commands name evaluations as run/number; create indexes count up unless given."""

    def __init__(self) -> None:
        self.commits = count(1)
        self.blocked = Blocked()
        self.blocked.enable(0)

    def run(self, words: Words, options: Options) -> Iterable[str]:
        command: Callable[[Words, Options], Iterable[str] | None] = getattr(self, words[0])
        return tuple(command(words[1:], options) or ())

    def block(self, words: Words, options: Options) -> Iterable[str]:
        job_id, number = words[0].split("/")
        created = int(options.get("created") or next(self.commits))
        priority = int(options.get("priority", "50"))
        evaluation = QueuedEvaluation(job_id, int(number), "default", "plan", priority, created, created)
        again = self.blocked.block(evaluation, options.get("executor", "rest"), snapshot_n=int(options["state"]))
        return () if again is None else woken([again])

    def freed(self, words: Words, options: Options) -> Iterable[str]:
        executors = options.get("executors", "rest").split(",")
        return woken(self.blocked.freed(executors, int(options["n"]), count=int(options.get("count", "1"))))

    def unused(self, words: Words, options: Options) -> Iterable[str]:
        return woken(self.blocked.unused(int(options["n"]), count=int(options.get("count", "1"))))

    def untrack(self, words: Words, options: Options) -> None:
        self.blocked.untrack(words[0])

    def duplicates(self, words: Words, options: Options) -> Iterable[str]:
        taken = self.blocked.duplicates(int(options.get("limit", "100")))
        return (" ".join(f"{found.job_id}/{found.number}" for found in taken) or "nothing",)

    def enable(self, words: Words, options: Options) -> None:
        self.blocked.enable(int(options["n"]))

    def disable(self, words: Words, options: Options) -> None:
        self.blocked.disable()

    def stats(self, words: Words, options: Options) -> Iterable[str]:
        stats = self.blocked.stats()
        groups = ", ".join(f"{name} {number}" for name, number in sorted(stats.by_executor.items()))
        return (f"blocked {stats.blocked}, duplicates {stats.duplicates}" + (f" ({groups})" if groups else ""),)


def woken(evaluations: Iterable[QueuedEvaluation]) -> list[str]:
    return [f"queue {it.job_id}/{it.number}, decided at n ≥ {it.modify_index}" for it in evaluations] or ["nobody"]


@pytest.mark.parametrize("path", stories("blocked*.txt"))
def test_blocked(path: Path) -> None:
    told(path, Stage().run)
