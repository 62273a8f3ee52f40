"""How what documents would change, and what became of it, is shown."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from jobpool.cli.output import note, printable

if TYPE_CHECKING:
    from jobpool.declare import FieldChange, Report, Step, Survey
    from jobpool.declare.apply import Action
    from jobpool.wire import jobpool_pb2 as pb

MARKS = {"add": "+", "update": "~", "delete": "-", "none": "="}
_LONGEST = 200


def show_survey(found: "Survey") -> None:
    """Every plan that differs: its fields, and its next fires before and after where they change; then the count."""
    for step in found.steps:
        if step.error is None and step.action != "none":
            _show_step(step)
    show_refusals(found.failed)
    click.echo(_counted(found))


def show_refusals(steps: "Iterable[Step]") -> None:
    for step in steps:
        where = f" ({step.source})" if step.source else ""
        note(f"Error: {printable(step.name)}{printable(where)}: {printable(str(step.error))}")


def show_report(report: "Report") -> None:
    """What was done, a line for each plan; what failed on stderr; then the count."""
    words = {"add": "added", "update": "changed", "delete": "deleted"}
    for step in report.steps:
        if step.done:
            click.echo(f"plan {printable(step.name)} {words[step.action]}{_left(step)}")
    show_refusals(report.failed)
    counts = [f"{report.count(action)} {word}" for action, word in _actions(words | {"none": "as they were"})]
    click.echo(", ".join([*counts, *([f"{len(report.failed)} failed"] if report.failed else [])]))


def steps_as_data(steps: "Iterable[Step]") -> list[dict[str, object]]:
    """For programs."""
    return [_as_data(step) for step in steps]


def _show_step(step: "Step") -> None:
    where = step.source or (f"owner {step.stored.owner}" if step.stored is not None else "")
    click.echo(f"{MARKS[step.action]} plan {printable(step.name)} ({printable(where)}){_left(step)}")
    for change in step.changes:
        click.echo(f"    {_change(change)}")
    _show_fires(step)


def _change(change: "FieldChange") -> str:
    before, after = _short(change.before), _short(change.after)
    if not before:
        return f"{change.field}: {after}"
    return f"{change.field}: {before} → {after or '(its default)'}"


def _show_fires(step: "Step") -> None:
    if not step.before and not step.after:
        return
    stands = [word for word, is_so in _stands(step) if is_so]
    held = f"  (but the plan is {' and '.join(stands)})" if stands else ""
    if step.before:
        click.echo(f"    fires before: {_fires(step.before)}")
    click.echo(f"    fires{' after' if step.before else ''}: {_fires(step.after) or 'never by itself'}{held}")


def _stands(step: "Step") -> list[tuple[str, bool]]:
    """What keeps the schedule from firing, as far as operators said so."""
    plan = step.stored
    if plan is None:
        return [("not running", step.definition is not None and step.definition.status != "running")]
    said = step.update.status if step.update is not None else ""
    status = said or plan.status
    return [(f"{status}, not running", status != "running"), ("paused", plan.HasField("paused"))]


def _fires(ticks: "Sequence[pb.PreviewTick]") -> str:
    return ", ".join(f"{tick.local} ({tick.dst})" if tick.dst else tick.local for tick in ticks)


def _left(step: "Step") -> str:
    return f"; {step.live} of its runs go on to their end" if step.live else ""


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _counted(found: "Survey") -> str:
    words = {"add": "to add", "update": "to change", "delete": "to delete", "none": "as they should be"}
    good = [step.action for step in found.steps if step.error is None]
    counts = [f"{good.count(action)} {word}" for action, word in words.items()]  # type: ignore[arg-type]
    return ", ".join([*counts, *([f"{len(found.failed)} refused"] if found.failed else [])])


def _actions(words: dict[str, str]) -> "list[tuple[Action, str]]":
    from jobpool.declare.apply import Action

    return [(Action(action), word) for action, word in words.items()]


def _as_data(step: "Step") -> dict[str, object]:
    data: dict[str, object] = {"action": str(step.action), "namespace": step.namespace, "id": step.plan_id}
    if step.source:
        data["source"] = step.source
    if step.changes:
        data["changes"] = [
            {"field": change.field, "before": change.before, "after": change.after} for change in step.changes
        ]
    for name, ticks in (("fires_before", step.before), ("fires_after", step.after)):
        if ticks:
            data[name] = [tick.local for tick in ticks]
    if step.live:
        data["live_runs"] = step.live
    if step.error is not None:
        data["error"] = {"code": step.error.code.name, "field": step.error.field, "message": step.error.message}
    return data | ({"done": True} if step.done else {})
