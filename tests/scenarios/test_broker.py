"""The broker told as stories: who gets which evaluation, and when again."""

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import pytest

from jobpool.leader.broker import Broker
from jobpool.model.errors import BrokerDisabled, NotOutstanding
from jobpool.model.queued import QueuedEvaluation
from tests.scenarios.story import millis, stories, told

Words = list[str]
Options = dict[str, str]


class Stage:
    """Commands name evaluations as run/number; tokens are t1, t2, …; commit numbers count up unless given."""

    def __init__(self) -> None:
        tokens = count(1)
        self.commits = count(1)
        self.broker = Broker(new_token=lambda: f"t{next(tokens)}")
        self.broker.enable()

    def run(self, words: Words, options: Options) -> Iterable[str]:
        verb = words[0].replace("-", "_")
        command: Callable[[Words, Options], Iterable[str] | None] = getattr(self, verb)
        try:
            return tuple(command(words[1:], options) or ())
        except (BrokerDisabled, NotOutstanding) as error:
            return (f"{type(error).__name__}: {error.reason}",)

    def evaluation(self, name: str, options: Options) -> QueuedEvaluation:
        job_id, number = name.split("/")
        created = int(options.get("created") or next(self.commits))
        return QueuedEvaluation(
            job_id,
            int(number),
            "default",
            "plan",
            int(options.get("priority", "50")),
            created,
            int(options.get("modified", created)),
            options.get("type", "service"),
            millis(options, "not-before"),
        )

    def enqueue(self, words: Words, options: Options) -> None:
        self.broker.enqueue([self.evaluation(word, options) for word in words], millis(options))

    def wake(self, words: Words, options: Options) -> None:
        self.broker.wake(self.evaluation(words[0], options), millis(options))

    def requeue(self, words: Words, options: Options) -> None:
        self.broker.requeue(self.evaluation(words[0], options), token=options["token"], now=millis(options))

    def dequeue(self, words: Words, options: Options) -> Iterable[str]:
        types = options.get("types", "service").split(",")
        taken = self.broker.dequeue(types, int(options.get("limit", "100")), now=millis(options))
        for delivery in taken:
            found = delivery.evaluation
            yield (
                f"{found.job_id}/{found.number} token={delivery.token} delivery {delivery.deliveries}, "
                f"priority {found.priority}, decided at n ≥ {found.modify_index}"
            )
        if not taken:
            yield "nothing"

    def lease(self, words: Words, options: Options, method: str) -> None:
        job_id, number = words[0].split("/")
        getattr(self.broker, method)(job_id, int(number), token=options["token"], now=millis(options))

    def ack(self, words: Words, options: Options) -> None:
        self.lease(words, options, "ack")

    def nack(self, words: Words, options: Options) -> None:
        self.lease(words, options, "nack")

    def hand_back(self, words: Words, options: Options) -> None:
        job_id, number = words[0].split("/")
        untouched = options.get("untouched") == "yes"
        self.broker.hand_back(job_id, int(number), token=options["token"], now=millis(options), untouched=untouched)

    def reset(self, words: Words, options: Options) -> None:
        self.lease(words, options, "reset")

    def pause(self, words: Words, options: Options) -> None:
        self.lease(words, options, "pause_nack")

    def resume(self, words: Words, options: Options) -> None:
        self.lease(words, options, "resume_nack")

    def outstanding(self, words: Words, options: Options) -> Iterable[str]:
        job_id, number = words[0].split("/")
        return (f"token {self.broker.outstanding(job_id, int(number))}",)

    def forget(self, words: Words, options: Options) -> None:
        self.broker.forget(words[0])

    def expire(self, words: Words, options: Options) -> Iterable[str]:
        return (f"{self.broker.expire(millis(options))} due",)

    def next_due(self, words: Words, options: Options) -> Iterable[str]:
        return (f"next due: {self.broker.next_due()} ms",)

    def cancelable(self, words: Words, options: Options) -> Iterable[str]:
        taken = self.broker.cancelable(int(options.get("limit", "100")))
        return (" ".join(f"{found.job_id}/{found.number}" for found in taken) or "nothing",)

    def enable(self, words: Words, options: Options) -> None:
        self.broker.enable()

    def disable(self, words: Words, options: Options) -> None:
        self.broker.disable()

    def stats(self, words: Words, options: Options) -> Iterable[str]:
        stats = self.broker.stats()
        yield (
            f"ready {stats.ready}, unacked {stats.unacked}, pending {stats.pending}, waiting {stats.waiting} "
            f"({stats.delayed} delayed), failed {stats.failed}, cancelable {stats.cancelable}, tracked {stats.tracked}"
        )


@pytest.mark.parametrize("path", stories("broker*.txt"))
def test_broker(path: Path) -> None:
    told(path, Stage().run)
