"""Plans of the original engine, as its REST list answers them."""

from jobpool.declare.importers.common import Ids, Imported, ImportOptions, Notes
from jobpool.declare.importers.dialects import robfig
from jobpool.declare.importers.records import Record, number_of, part_of, records_of, text_of
from jobpool.declare.values import json_value

_ITS_ZONE = "Asia/Shanghai"
_HIGHEST = 200


def import_original(text: str, options: ImportOptions) -> Imported:
    """A plan for each; times that the clock's changes touch stay as robfig/cron has them."""
    notes, ids, documents = Notes(), Ids(), []
    for plan in records_of(text, options.source, within=("data",)):
        notes.at(text_of(plan, "id"))
        if not text_of(plan, "id"):
            notes.warn("id", "not-imported", "there is no plan here: wanted an id, found none")
            continue
        documents.append(_document(plan, ids.of(text_of(plan, "id"), notes), options, notes))
    return Imported(tuple(documents), tuple(notes.warnings))


def _document(plan: Record, plan_id: str, options: ImportOptions, notes: Notes) -> dict[str, object]:
    periodic = part_of(plan, "periodic")
    document: dict[str, object] = {"id": plan_id, "namespace": text_of(plan, "namespace") or "default"}
    for field in ("name", "description"):
        if said := text_of(plan, field):
            document[field] = said
    if (status := _status(plan, periodic)) != "running":
        document["status"] = status
    parameters = json_value(text_of(plan, "parameters"))
    document["parameters"] = parameters if isinstance(parameters, dict) else text_of(plan, "parameters")
    document["synchronous"] = text_of(plan, "synchronous") == "true"
    document |= _when(periodic, options, notes)
    if priority := number_of(plan, "priority"):
        document["priority"] = min(priority, _HIGHEST)
    if priority > _HIGHEST:
        notes.warn("priority", "priority", f"{priority} is higher than there is here: {_HIGHEST}")
    return document


def _status(plan: Record, periodic: Record) -> str:
    """It fires when it runs, is not stopped, and its schedule is enabled."""
    status = text_of(plan, "status") or "pending"
    fires = text_of(plan, "stop") != "true" and (
        not text_of(periodic, "spec") or text_of(periodic, "enabled") == "true"
    )
    return status if status != "running" or fires else "dead"


def _when(periodic: Record, options: ImportOptions, notes: Notes) -> dict[str, object]:
    spec = text_of(periodic, "spec").strip()
    if not spec:
        return {}
    zone = text_of(periodic, "time_zone", "timeZone") or options.time_zone or _ITS_ZONE
    found = robfig(spec, zone, notes).fields(notes, field="periodic.spec")
    inner = found.get("periodic")
    if isinstance(inner, dict):
        for field, camel in (("start_time", "startTime"), ("end_time", "endTime")):
            if stamp := text_of(periodic, field, camel):
                inner[field] = stamp
    if text_of(periodic, "prohibit_overlap", "prohibitOverlap") == "true":
        found["overlap"] = "skip"
    return found | {"catch_up": {"mode": "all"}}
