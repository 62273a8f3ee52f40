"""Elections told as stories: who campaigns, who leads, who gives up, in a cluster whose every part can fail."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from jobpool.kit.pure.durations import parse_duration
from tests.scenarios.electorate import Electorate
from tests.scenarios.story import stories, told

Words = list[str]
Options = dict[str, str]


class Stage:
    """Everything on the way takes 10 ms. A span is what passes; answers tell when, from the story's beginning."""

    def __init__(self) -> None:
        self.cluster = Electorate("", seed=0)

    def run(self, words: Words, options: Options) -> Iterable[str]:
        verb = words[0].replace("-", "_")
        command: Callable[[Words, Options], None] = getattr(self, verb)
        command(words[1:], options)
        said = [f"{at:>6} {name} {text}" for at, name, text in self.cluster.told]
        self.cluster.told.clear()
        return said

    def cluster_of(self, words: Words, options: Options) -> None:
        self.cluster = Electorate(words[0], seed=int(options.get("seed", "1")), delay=lambda: 10)
        self.cluster.set_raft(options.get("raft", ""))
        self.cluster.start()

    def wait(self, words: Words, options: Options) -> None:
        """At the end it is said who leads."""
        self.cluster.run(parse_duration(words[0]))
        self.cluster.told.append((self.cluster.now, self.cluster.leader or "nobody", "is the leader"))

    def kill(self, words: Words, options: Options) -> None:
        self.cluster.kill(words[0])

    def start(self, words: Words, options: Options) -> None:
        self.cluster.start(words[0])

    def pause(self, words: Words, options: Options) -> None:
        self.cluster.pause(words[0])

    def resume(self, words: Words, options: Options) -> None:
        self.cluster.resume(words[0])

    def stop(self, words: Words, options: Options) -> None:
        self.cluster.stop(words[0])

    def move(self, words: Words, options: Options) -> None:
        self.cluster.move(words[0], words[1])

    def raft(self, words: Words, options: Options) -> None:
        self.cluster.set_raft(words[0])

    def cut(self, words: Words, options: Options) -> None:
        self._link(words, up=False)

    def mend(self, words: Words, options: Options) -> None:
        self._link(words, up=True)

    def _link(self, words: Words, *, up: bool) -> None:
        """One server and those it loses or finds, both ways; `to` between them: one way."""
        one, *rest = words
        for other in rest:
            if other != "to":
                self.cluster.link(one, other, up=up)
                if "to" not in rest:
                    self.cluster.link(other, one, up=up)

    def unreach(self, words: Words, options: Options) -> None:
        """The store is out of reach."""
        for name in words:
            self.cluster.servers[name].reach = False

    def reach(self, words: Words, options: Options) -> None:
        for name in words:
            self.cluster.reach(name)


@pytest.mark.parametrize("path", stories("election*.txt"))
def test_election(path: Path) -> None:
    told(path, Stage().run)
