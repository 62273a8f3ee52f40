"""What stands in the way of plans and jobs alike: no leader, a queue that an operator has paused."""

from collections.abc import Iterator

from jobpool.explain.finding import Code, Finding, Remedy, Wall, facts
from jobpool.explain.view import ExplainView


def cluster(view: ExplainView, wall: Wall, *, leader: bool) -> Iterator[Finding]:
    if not leader:
        yield Finding(
            code=Code.NO_LEADER,
            text="no server leads, so nothing is decided and nothing is placed",
            blocks=True,
            remedy=Remedy.SERVERS,
            remedy_text="it is over within seconds while most servers are there: jobpoolctl endpoint status --cluster",
        )
    if view.pause is not None:
        note = f": {view.pause.note}" if view.pause.note else ""
        yield Finding(
            code=Code.QUEUE_PAUSED,
            text=f"{view.pause.by} has paused the placing of runs at {wall.at(view.pause.since)}{note}",
            blocks=True,
            since=view.pause.since,
            facts=facts(by=view.pause.by, note=view.pause.note),
            remedy=Remedy.QUEUE_RESUME,
            remedy_text="jobpoolctl queue resume",
        )
