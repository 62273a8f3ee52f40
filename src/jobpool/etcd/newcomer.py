"""A member that has no data: may it begin, or has it lost what it had?

One that lost its data is in the others' lists still, under the id that it had. Started as it is, it would vote against
its own votes, and what it had acknowledged could be gone from a majority. So the others are asked whether it has been
started before (decision 0018); with `initial-cluster-state: existing` it does not begin without a word from one.
"""

import asyncio
import ssl
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from jobpool.etcd.config import MemberConfig, members_of
from jobpool.etcd.roll import Listed, ask_roll, caller_tls
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.files import replace_durably
from jobpool.kit.effects.logging import get_logger
from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.model.errors import InvalidArgument, Unavailable
from jobpool.store.files import explained

_ANSWER: Millis = 2 * SECOND
_AGAIN: Millis = 250
"""A member that has just come back campaigns after an election timeout at the earliest: it is asked before."""
_TIMES = 3
"""A member that has just come back reads its log again: what it does not say at first it may say a moment later."""
_FIRST_WORD: Millis = 10 * SECOND


def has_data(config: MemberConfig) -> bool:
    """Whether the member has a log, by which etcd itself goes. Raises StoreFailed."""
    wal = Path(config.wal_dir) if config.wal_dir else config.directory / "member" / "wal"
    with explained(wal, "read"), suppress(FileNotFoundError):
        return any(entry.suffix == ".wal" for entry in wal.iterdir())
    return False


class Begun:
    """A file that is there from the first start of a member that nobody could vouch for until it was ready once.

    It holds the client URLs that the member has told since: another one that the others know is of a former life.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def told(self) -> tuple[str, ...]:
        """Empty when there is no such file. Raises StoreFailed."""
        with explained(self._path, "read"):
            return tuple(self._path.read_text().split()) if self._path.exists() else ()

    def tell(self, url: str) -> None:
        """Durably, before etcd tells it. Raises StoreFailed."""
        told = self.told
        if url not in told:
            with explained(self._path, "write"):
                replace_durably(self._path, "".join(f"{one}\n" for one in (*told, url)).encode())

    def end(self) -> None:
        """Raises StoreFailed."""
        with explained(self._path, "remove"):
            self._path.unlink(missing_ok=True)


class Newcomer:
    """Asks the other members. Every answer is why this one must not begin, or empty.

    Raises InvalidArgument for certificates that do not do.
    """

    def __init__(self, config: MemberConfig, *, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._log = get_logger("etcd")
        self._others = {name: urls for name, urls in members_of(config.cluster).items() if name != config.name}
        self._silent: dict[str, str] = {}
        self._tls: ssl.SSLContext | None = None

    @property
    def has_others(self) -> bool:
        return bool(self._others)

    @property
    def waiting_for(self) -> str:
        silent = "; ".join(f"{name} ({reason})" for name, reason in sorted(self._silent.items()))
        return f"a word from another member, as it has no data: {silent or 'they are being asked'}"

    async def ask_all(self, told: Collection[str]) -> str:
        """What those say that answer within 2 s. `told` are the client URLs that are of this life."""
        self._load_tls()
        answers = await asyncio.gather(*(self._ask(name) for name in self._others))
        return next((self._refusal(found) for one in answers if one and (found := self._former(one, told))), "")

    async def ask_until_one_answers(self) -> str:
        """However long that takes; what it waits for is told all the time. Raises InvalidArgument when nobody can."""
        if not self._others:
            raise InvalidArgument(
                "initial-cluster",
                "wanted the members that are there already, as `jobpoolctl member add` prints them: this one has no "
                f"data, and initial-cluster-state is existing; found {self._config.cluster!r}",
            )
        telling = asyncio.get_running_loop().create_task(self._tell_waiting())
        try:
            return await self._first_answer((), all_of_them=False)
        finally:
            telling.cancel()

    async def ask_until_all_have_answered(self, told: Collection[str]) -> str:
        """Or until one refuses."""
        return await self._first_answer(told, all_of_them=True)

    def _load_tls(self) -> None:
        if self._tls is None and any(url.startswith("https:") for urls in self._others.values() for url in urls):
            self._tls = caller_tls(self._config.peer_tls)

    async def _first_answer(self, told: Collection[str], *, all_of_them: bool) -> str:
        self._load_tls()
        tasks = [asyncio.get_running_loop().create_task(self._settled(name, told)) for name in self._others]
        try:
            for answer in asyncio.as_completed(tasks):
                refusal = await answer
                if refusal or not all_of_them:
                    return refusal
            return ""
        finally:
            for task in tasks:
                task.cancel()

    async def _settled(self, name: str, told: Collection[str]) -> str:
        """The member's answer, once it has said the same a few times."""
        answers = 0
        while True:
            roll = await self._ask(name)
            if roll is not None and (found := self._former(roll, told)):
                return self._refusal(found)
            answers = 0 if roll is None else answers + 1
            if answers == _TIMES:
                return ""
            await self._clock.sleep(_AGAIN)

    async def _ask(self, name: str) -> tuple[Listed, ...] | None:
        try:
            roll = await ask_roll(self._others[name], tls=self._tls, within=_ANSWER)
        except Unavailable as failure:
            self._silent[name] = failure.reason
            return None
        self._silent.pop(name, None)
        return roll

    def _former(self, roll: tuple[Listed, ...], told: Collection[str]) -> Listed | None:
        """This member as the list has it, when it has been started in a former life."""
        for one in roll:
            is_this = one.name == self._config.name or set(one.peer_urls) & set(self._config.advertised)
            if is_this and set(one.client_urls) - set(told):
                return one
        return None

    def _refusal(self, found: Listed) -> str:
        name, urls = self._config.name, ",".join(self._config.advertised)
        return (
            f"the cluster knows this member ({found.name}, {found.id:x}) and has seen it started, but its data "
            "directory is new or was emptied: it does not know what it has voted for and acknowledged. If its disk is "
            "only not mounted, or data-dir is not right, mend that. If it is lost: `jobpoolctl member remove "
            f"{found.id:x}`, `jobpoolctl member add {name} --peer-urls {urls} --learner`, start it with the lines that "
            f"this prints and an empty data directory, `jobpoolctl member promote {name}`"
        )

    async def _tell_waiting(self) -> None:
        pause = _FIRST_WORD
        while True:
            await self._clock.sleep(pause)
            pause = MINUTE
            self._log.warning(f"etcd is not started yet: it needs {self.waiting_for}", event_name="etcd_waiting")
