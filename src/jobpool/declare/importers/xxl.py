"""Jobs of XXL-JOB: rows of `xxl_job_info` as JSON, named as in its API or as in its table."""

from jobpool.declare.importers.common import LONGEST_TIMEOUT, Ids, Imported, ImportOptions, Notes, Schedule
from jobpool.declare.importers.dialects import quartz
from jobpool.declare.importers.records import Record, number_of, records_of, text_of

_SCRIPTS = {
    "GLUE_SHELL": ("/bin/bash", "-c"),
    "GLUE_PYTHON": ("python3", "-c"),
    "GLUE_NODEJS": ("node", "-e"),
}
_BLOCKED = {
    "SERIAL_EXECUTION": "ticks during a run waited their turn on the executor; here they are skipped",
    "COVER_EARLY": "a tick ended the run before; here the tick is skipped while it runs",
}


def import_xxl(text: str, options: ImportOptions) -> Imported:
    """A plan for each row: scripts run by `shell`; of a bean only the schedule is left, in a plan that does nothing."""
    notes, ids, documents = Notes(), Ids(), []
    for row in records_of(text, options.source, within=("content", "data", "rows")):
        number = text_of(row, "id")
        notes.at(f"{number} {text_of(row, 'jobDesc', 'job_desc')}".strip())
        document = _document(row, options, notes)
        if document is not None:
            documents.append({"id": ids.of(f"xxl-{number}" if number else "xxl")} | document)
    return Imported(tuple(documents), tuple(notes.warnings))


def _document(row: Record, options: ImportOptions, notes: Notes) -> dict[str, object] | None:
    work = _work(row, notes)
    if work is None:
        return None
    document: dict[str, object] = {}
    if name := text_of(row, "jobDesc", "job_desc"):
        document["name"] = name[:256]
    if author := text_of(row, "author"):
        document["owner"] = author[:256]
    group = text_of(row, "jobGroup", "job_group")
    document["labels"] = {"imported-from": "xxl-job"} | ({"xxl-job-group": group} if group else {})
    if number_of(row, "triggerStatus", "trigger_status") == 0 or work["executor"] == "noop":
        document["status"] = "pending"
    document |= work
    document |= _when(row, options, notes)
    document |= _overlap(text_of(row, "executorBlockStrategy", "executor_block_strategy"), notes)
    late = text_of(row, "misfireStrategy", "misfire_strategy") == "FIRE_ONCE_NOW"
    document["catch_up"] = {"mode": "latest" if late else "none"}
    if retries := number_of(row, "executorFailRetryCount", "executor_fail_retry_count"):
        document["retry"] = {"attempts": min(retries, 100)}
    timeout = number_of(row, "executorTimeout", "executor_timeout")
    document["timeout"] = f"{timeout}s" if timeout > 0 else LONGEST_TIMEOUT
    _tell_of_others(row, notes)
    return document


def _when(row: Record, options: ImportOptions, notes: Notes) -> dict[str, object]:
    kind, told = text_of(row, "scheduleType", "schedule_type"), text_of(row, "scheduleConf", "schedule_conf")
    if not kind:
        kind, told = "CRON", text_of(row, "jobCron", "job_cron")  # before 2.3
    if kind == "CRON" and told:
        return quartz(told, options.time_zone, notes).fields(notes, field="scheduleConf")
    if kind == "FIX_RATE":
        notes.warn(
            "scheduleConf", "phase", f"every {told}s is counted from the epoch here, there from when it was started"
        )
        return Schedule(spec=f"@every {told}s").fields(notes, field="scheduleConf")
    if kind not in ("", "NONE", "CRON"):
        notes.warn("scheduleType", "no-schedule", f"{kind} has no counterpart here; the plan runs only by hand")
    return {}


def _work(row: Record, notes: Notes) -> dict[str, object] | None:
    kind, parameter = text_of(row, "glueType", "glue_type"), text_of(row, "executorParam", "executor_param")
    handler = text_of(row, "executorHandler", "executor_handler")
    if kind in _SCRIPTS:
        source = text_of(row, "glueSource", "glue_source")
        place = ["script"] if kind == "GLUE_SHELL" else []  # what `-c` names $0
        return _command([*_SCRIPTS[kind], source, *place, parameter, "0", "1"])
    if kind == "BEAN" and handler == "commandJobHandler" and parameter:
        return _command(parameter.split())
    if kind == "BEAN":
        told = f"{handler!r} is code in an executor of XXL-JOB; the plan does nothing until it says what to run"
        notes.warn("executorHandler", "bean", told)
        return {"executor": "noop"}
    notes.warn("glueType", "not-imported", f"{kind or 'nothing'} has no counterpart here; left out")
    return None


def _command(words: list[str]) -> dict[str, object]:
    return {"executor": "shell", "parameters": {"command": words}}


def _overlap(strategy: str, notes: Notes) -> dict[str, object]:
    if strategy in _BLOCKED:
        notes.warn("executorBlockStrategy", "overlap", _BLOCKED[strategy])
    return {"overlap": "skip"} if strategy else {}


def _tell_of_others(row: Record, notes: Notes) -> None:
    route = text_of(row, "executorRouteStrategy", "executor_route_strategy")
    if route == "SHARDING_BROADCAST":
        notes.warn(
            "executorRouteStrategy", "nodes", "ran on every executor, each with its shard; here one agent runs it"
        )
    if children := text_of(row, "childJobId", "child_jobid"):
        notes.warn("childJobId", "dependency", f"jobs {children} ran after it; here nothing does")
    if mail := text_of(row, "alarmEmail", "alarm_email"):
        notes.warn("alarmEmail", "mail", f"failures were told to {mail}; here nobody is told")
