"""Adding plans, one or many: some at once, told in the order of the file.

A plan that is refused keeps the others from nothing; once a server does not answer, nothing more is tried.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from jobpool.cli.ctl_errors import OK, exit_code, hint
from jobpool.cli.ctl_options import Settings
from jobpool.cli.ctl_plan_file import read_documents
from jobpool.cli.ctl_views import TICKS
from jobpool.cli.formats import shown_whole
from jobpool.cli.output import Lines, note
from jobpool.declare.requests import add_request
from jobpool.model.errors import DeadlineExceeded, InvalidArgument, JobpoolError, Unavailable
from jobpool.wire import jobpool_pb2 as pb

if TYPE_CHECKING:
    from jobpool.client import Client

NEXT_FIRES = 3
AT_ONCE = 64
FEW = 20
"""Of more plans than these nobody reads when each fires."""


class Wanted(Struct, frozen=True):
    """A plan to add; `source` is where a file has it, empty for one that came from flags."""

    source: str
    request: pb.SchedulePlanAddRequest

    @property
    def name(self) -> str:
        return f"{self.request.id or self.request.name} ({self.source})"


class Outcome(Struct, frozen=True):
    """The answer, with the next fires if they were asked for; or why there is none."""

    wanted: Wanted
    answer: pb.SchedulePlanAddResponse | None = None
    fires: pb.PlanPreviewResponse | JobpoolError | None = None
    error: JobpoolError | None = None


def from_file(path: str, flags: dict[str, Any], *, pending: bool) -> list[Wanted]:
    """Every plan is checked before the first is sent.

    Raises UsageError for flags beside the file, InvalidArgument naming the place of what is no plan or is there twice.
    """
    beside = [name for name, value in flags.items() if value is not None and value != ()]
    if beside:
        raise click.UsageError(f"--file already says all: --{beside[0].replace('_', '-')} goes into it")
    wanted: list[Wanted] = []
    places: dict[tuple[str, str], str] = {}
    for document in read_documents(path):
        try:
            request = add_request(document.fields, pending=pending)
        except InvalidArgument as error:
            raise InvalidArgument(error.field, f"{error.reason} (in {document.source})") from error
        key = (request.namespace or "default", request.id)
        if request.id and key in places:
            named = f"plan {'/'.join(key)} is there twice: in {places[key]} and in {document.place}"
            raise InvalidArgument("id", named)
        places[key] = document.place
        wanted.append(Wanted(document.source, request))
    return wanted


async def add_all(client: "Client", wanted: Sequence[Wanted], settings: Settings) -> int:
    """Add them and tell what became of each; the exit code is that of the first refusal.

    Raises what the one plan is refused with that came from flags.
    """
    whole = settings.write_out != "simple" or settings.compat
    outcomes: list[Outcome] = []
    for first in range(0, len(wanted), AT_ONCE):
        some = wanted[first : first + AT_ONCE]
        asks = (_add(client, one, with_fires=not whole and len(wanted) <= FEW) for one in some)
        told = await asyncio.gather(*asks)
        for outcome in told:
            _tell(outcome, settings)
        outcomes += told
        if any(isinstance(outcome.error, Unavailable | DeadlineExceeded) for outcome in told):
            break
    return await _sum_up(client, outcomes, len(wanted), whole=whole)


async def _add(client: "Client", wanted: Wanted, *, with_fires: bool) -> Outcome:
    try:
        answer = await client.plan_add(wanted.request)
    except JobpoolError as error:
        if not wanted.source:
            raise
        return Outcome(wanted, error=error)
    if not with_fires or not answer.data.periodic.spec:
        return Outcome(wanted, answer)
    request = pb.PlanPreviewRequest(id=answer.data.id, namespace=answer.data.namespace, n=NEXT_FIRES)
    try:
        return Outcome(wanted, answer, fires=await client.plan_preview(request))
    except JobpoolError as error:
        return Outcome(wanted, answer, fires=error)


def _tell(outcome: Outcome, settings: Settings) -> None:
    if outcome.error is not None:
        note(f"{outcome.wanted.name} was not added: {outcome.error}")
    if outcome.answer is None or shown_whole(settings, outcome.answer):
        return
    added = outcome.answer.data
    click.echo(f"plan {added.id} added in namespace {added.namespace}, {added.status}")
    if added.status == "pending":
        click.echo(f"start it: jobpoolctl plan online {added.id} --ns {added.namespace}")
    if not added.periodic.spec:
        click.echo(f"it has no schedule: jobpoolctl plan run {added.id} --ns {added.namespace}")
    elif isinstance(outcome.fires, JobpoolError):
        note(f"Warning: it is added, but its next fires cannot be shown: {outcome.fires}")
    elif outcome.fires is not None:
        Lines().show([("next", *TICKS.line(tick)) for tick in outcome.fires.data])


async def _sum_up(client: "Client", outcomes: Sequence[Outcome], count: int, *, whole: bool) -> int:
    added = [outcome.answer.data for outcome in outcomes if outcome.answer is not None]
    if added and not whole:
        await _warn_of_no_agent(client, {plan.executor for plan in added})
    if len(added) == count:
        return OK
    untried = count - len(outcomes)
    note(f"{len(added)} of {count} plans were added" + (f", {untried} were not tried" if untried else ""))
    error = next(outcome.error for outcome in outcomes if outcome.error is not None)
    advice = hint(error)
    if advice:
        note(f"Hint: {advice}")
    return exit_code(error)


async def _warn_of_no_agent(client: "Client", executors: set[str]) -> None:
    """A mistyped executor, or an agent started without it, would else be seen only when runs stay pending."""
    try:
        nodes = await client.node_list(pb.NodeListRequest(status="ready"))
    except JobpoolError:
        return  # the plan is added, and this was only advice
    if len(nodes.data) < nodes.totalElements:
        return  # who is on later pages is not known
    taking = [node.executors for node in nodes.data if node.eligibility != "ineligible"]
    for executor in sorted(executors.difference(*taking)):
        note(f"Warning: no ready agent offers {executor!r}: its runs wait for one (`jobpoolctl node list`)")
