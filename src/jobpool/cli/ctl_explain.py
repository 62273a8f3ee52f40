"""`jobpoolctl plan ledger|explain`, `jobpoolctl job explain|rerun`: what became of ticks and why, and once more."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_kinds import INSTANT
from jobpool.cli.ctl_lists import show_changed, show_items, timestamp
from jobpool.cli.ctl_options import MAX_PAGE, Leaf, Settings, in_namespace
from jobpool.cli.ctl_plan_flags import text_of
from jobpool.cli.ctl_session import run
from jobpool.cli.ctl_views import JOBS
from jobpool.cli.formats import shown_whole
from jobpool.cli.output import Lines, Row, View, note, span, stamp, zone_named

if TYPE_CHECKING:
    from jobpool.client import Client
    from jobpool.wire import jobpool_pb2 as pb

_SHOWN = 50


@click.command("ledger", cls=Leaf)
@click.argument("plan_id")
@click.option("--since", type=INSTANT, help="Due at or after: a time, or a span ago (2h).")
@click.option("--until", type=INSTANT, help="Due at or before.")
@click.option("--decision", "decisions", multiple=True, metavar="WORD", help="Only these, as skipped (repeatable).")
@click.option("--limit", type=click.IntRange(1), default=_SHOWN, show_default=True, help="How many at most.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@in_namespace
@click.pass_obj
def ledger(
    settings: Settings,
    plan_id: str,
    *,
    namespace: str,
    since: datetime | None,
    until: datetime | None,
    decisions: tuple[str, ...],
    limit: int,
    everything: bool,
) -> None:
    """Show what became of each tick of a plan, newest first; times are in the plan's zone."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.PlanLedgerRequest(
        id=plan_id, namespace=namespace, start_time=timestamp(since), end_time=timestamp(until), decisions=decisions
    )
    answer = run(settings, lambda client: _ledger(client, request, None if everything else limit))
    if shown_whole(settings, answer):
        return
    zone = zone_named(answer.time_zone)
    show_items(settings, list(answer.data), _ledger_view(zone))
    if settings.write_out in ("simple", "table"):
        more = " (--all for more)" if getattr(answer, "continue") else ""
        note(f"{len(answer.data)} shown{more}; known from {stamp(answer, 'known_from', zone)}")


async def _ledger(client: "Client", request: "pb.PlanLedgerRequest", limit: int | None) -> "pb.PlanLedgerResponse":
    """The newest answer, with the entries of all."""
    found: list[pb.LedgerEntry] = []
    while True:
        request.limit = MAX_PAGE if limit is None else min(MAX_PAGE, limit - len(found))
        answer = await client.plan_ledger(request)
        found += answer.data
        token = getattr(answer, "continue")
        if not token or (limit is not None and len(found) >= limit):
            del answer.data[:]
            answer.data.extend(found)
            return answer
        setattr(request, "continue", token)


def _ledger_view(zone: tzinfo | None) -> "View[pb.LedgerEntry]":
    def cells(entry: "pb.LedgerEntry") -> Row:
        same = entry.first == entry.last
        return (
            stamp(entry, "first", zone),
            "" if same else stamp(entry, "last", zone),
            entry.decision,
            str(entry.count) if entry.HasField("count") else "",
            entry.job_id,
            entry.status,
            entry.reason,
            entry.trigger,
            span(entry.lateness_ms),
        )

    def line(entry: "pb.LedgerEntry") -> Row:
        first, last, decision, count, job, status, reason, trigger, late = cells(entry)
        return (
            first,
            f"to {last}" if last else "",
            decision,
            f"{count or 'uncounted'} ticks" if not job and count != "1" else "",
            job,
            f"{status} ({reason})" if reason else status,
            trigger if trigger != "schedule" else "",
            f"late {late}" if late else "",
        )

    columns = ("Due", "Last", "Decision", "Ticks", "Job", "Status", "Reason", "Trigger", "Lateness")
    return View(line, columns, cells)


@click.command("explain", cls=Leaf)
@click.argument("plan_id")
@in_namespace
@click.pass_obj
def explain_plan(settings: Settings, plan_id: str, *, namespace: str) -> None:
    """Say why a plan fires or does not, whether its next run would start, and what would help."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.PlanExplainRequest(id=plan_id, namespace=namespace)
    answer = run(settings, lambda client: client.plan_explain(request))
    if not shown_whole(settings, answer):
        _show(settings, f"plan {plan_id} in namespace {namespace}: {answer.verdict}", answer.data)


@click.command("explain", cls=Leaf)
@click.argument("job_id")
@click.pass_obj
def explain_job(settings: Settings, job_id: str) -> None:
    """Say why a job runs, waits or has ended as it did, and what would help."""
    from jobpool.wire import jobpool_pb2 as pb

    answer = run(settings, lambda client: client.job_explain(pb.JobExplainRequest(id=job_id)))
    if not shown_whole(settings, answer):
        job = answer.job
        _show(settings, f"job {job_id} of plan {job.namespace}/{job.plan_id}: {answer.verdict}", answer.data)


def _show(settings: Settings, verdict: str, findings: "Sequence[pb.Finding]") -> None:
    if settings.write_out == "table":
        show_items(settings, findings, _FINDINGS)
        note(verdict)
        return
    Lines().show([(verdict,)])
    Lines().show([row for finding in findings for row in _lines_of(finding)])


def _lines_of(finding: "pb.Finding") -> Iterator[Row]:
    yield (f"  {'!' if finding.blocks else '-'} {finding.code}", finding.text)
    if finding.remedy_text:
        yield ("", f"-> {finding.remedy_text}")


def _finding_row(finding: "pb.Finding") -> Row:
    return (finding.code, "yes" if finding.blocks else "", finding.text, finding.remedy, finding.remedy_text)


_FINDINGS: "View[pb.Finding]" = View(_finding_row, ("Code", "Blocks", "Text", "Remedy", "Advice"), _finding_row)


@click.command("rerun", cls=Leaf)
@click.argument("job_id")
@click.option("--parameters", metavar="JSON|@FILE", help="Instead of the job's.")
@click.option("--idempotency-key", default="", help="The same key within 24 h names the same run.")
@click.option("--overlap", default="", metavar="allow", help="Start it whatever runs.  [default: the plan's]")
@click.pass_obj
def rerun(settings: Settings, job_id: str, *, parameters: str | None, idempotency_key: str, overlap: str) -> None:
    """Run a job again, with its parameters, by its plan as that is now."""
    from jobpool.wire import jobpool_pb2 as pb

    request = pb.JobRerunRequest(
        id=job_id,
        parameters=None if parameters is None else text_of(parameters, "parameters"),
        idempotency_key=idempotency_key,
        overlap=overlap,
        created_by="jobpoolctl",
    )
    answer = run(settings, lambda client: client.job_rerun(request))
    show_changed(settings, answer, view=JOBS)
