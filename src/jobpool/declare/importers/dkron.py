"""Jobs of Dkron as its `/v1/jobs` answers them: JSON, one or a list."""

import json
import shlex

from jobpool.declare.importers.common import (
    LONGEST_TIMEOUT,
    Ids,
    Imported,
    ImportOptions,
    Notes,
    Schedule,
    label_name,
    label_value,
)
from jobpool.declare.importers.dialects import robfig
from jobpool.declare.importers.records import Record, number_of, part_of, records_of, text_of, texts_of
from jobpool.kit.pure.durations import parse_duration

_SHELL = ("command", "shell", "env", "cwd", "timeout")
_HTTP = ("method", "url", "headers", "body", "timeout", "expectCode", "debug")
_DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@minutely")


def import_dkron(text: str, options: ImportOptions) -> Imported:
    """A plan for each job of the executors `shell` and `http`."""
    notes, ids, documents = Notes(), Ids(), []
    for job in records_of(text, options.source, within=("jobs",)):
        name = text_of(job, "name")
        notes.at(name)
        document = _document(job, options, notes)
        if document is not None:
            documents.append({"id": ids.of(name, notes)} | document)
    return Imported(tuple(documents), tuple(notes.warnings))


def _document(job: Record, options: ImportOptions, notes: Notes) -> dict[str, object] | None:
    work = _work(job, notes)
    if work is None:
        return None
    document: dict[str, object] = {}
    if display := text_of(job, "displayname"):
        document["name"] = display[:256]
    if owner := text_of(job, "owner"):
        document["owner"] = owner[:256]
    labels = {"imported-from": "dkron"}
    labels |= {label_name(key): label_value(str(value)) for key, value in part_of(job, "metadata").items()}
    document["labels"] = labels
    if text_of(job, "disabled") == "true":
        document["status"] = "pending"
    document |= work
    document |= _when(job, options, notes)
    if text_of(job, "concurrency") == "forbid":
        document["overlap"] = "skip"
    if retries := number_of(job, "retries"):
        document["retry"] = {"attempts": min(retries, 100)}
    document["catch_up"] = {"mode": "none"}
    _tell_of_others(job, notes)
    return document


def _when(job: Record, options: ImportOptions, notes: Notes) -> dict[str, object]:
    text, zone = text_of(job, "schedule").strip(), text_of(job, "timezone")
    if text_of(job, "parent_job"):
        notes.warn("parent_job", "dependency", f"ran after {text_of(job, 'parent_job')!r}; here it runs only by hand")
        return {}
    if text in ("", "@manually"):
        return {}
    if text in _DESCRIPTORS and zone and zone != options.time_zone:
        told = f"{text} is of the server's zone there, whatever the job's ({zone}); so it is here"
        notes.warn("timezone", "descriptor-zone", told)
        zone = ""
    found = _schedule(text, zone or options.time_zone, notes).fields(notes, field="schedule")
    periodic = found.get("periodic")
    if isinstance(periodic, dict):
        for field, member in (("start_time", "starts_at"), ("end_time", "expires_at")):
            if stamp := text_of(job, member):
                periodic[field] = stamp
    return found


def _schedule(text: str, zone: str, notes: Notes) -> Schedule:
    if text.startswith("@at "):
        return Schedule(spec=text)
    if text == "@minutely":
        text = "* * * * *"
    if "~" in text:
        notes.warn("schedule", "hash", f"{text!r}: the place that ~ chooses from the job's name is another one here")
        text = text.replace("~", "H")
    return robfig(text, zone, notes)


def _work(job: Record, notes: Notes) -> dict[str, object] | None:
    kind, config = text_of(job, "executor"), part_of(job, "executor_config")
    if kind == "shell":
        return _shell(config, notes)
    if kind == "http":
        return _http(config, notes)
    notes.warn("executor", "not-imported", f"there is no executor {kind!r} here; left out")
    return None


def _shell(config: Record, notes: Notes) -> dict[str, object] | None:
    _tell_of_config(config, _SHELL, notes)
    command = text_of(config, "command")
    words: object = command
    if text_of(config, "shell") != "true":
        try:
            words = shlex.split(command)
        except ValueError as error:
            notes.warn("executor_config.command", "not-imported", f"{command[:80]!r}: {error}; left out")
            return None
    parameters: dict[str, object] = {"command": words}
    pairs = [pair.partition("=") for pair in text_of(config, "env").split(",") if pair]
    if pairs:
        parameters["env"] = {name.strip(): value for name, _, value in pairs}
    if directory := text_of(config, "cwd"):
        parameters["cwd"] = directory
    timeout = text_of(config, "timeout")
    return {"executor": "shell", "parameters": parameters, "timeout": _span(timeout, LONGEST_TIMEOUT, notes)}


def _http(config: Record, notes: Notes) -> dict[str, object]:
    _tell_of_config(config, _HTTP, notes)
    parameters: dict[str, object] = {
        "url": text_of(config, "url"),
        "method": (text_of(config, "method") or "get").lower(),
    }
    if body := text_of(config, "body"):
        parameters["body"] = body
    headers = _headers(text_of(config, "headers"), notes)
    kept = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    for name in headers.keys() - kept.keys():
        parameters["contentType"] = headers[name]
    if kept:
        parameters["headers"] = kept
    codes = [int(code) for code in text_of(config, "expectCode").split(",") if code.strip().isdecimal()]
    parameters["expected_status"] = codes or [200]
    timeout = text_of(config, "timeout")
    return {"executor": "rest", "parameters": parameters, "timeout": _span(timeout and f"{timeout}s", "30s", notes)}


def _headers(text: str, notes: Notes) -> dict[str, str]:
    """A JSON list of `Name: value`."""
    try:
        lines = texts_of({"lines": json.loads(text or "[]")}, "lines")
    except ValueError:
        notes.warn("executor_config.headers", "not-carried", "not a JSON list of texts; left out")
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _span(text: str, default: str, notes: Notes) -> str:
    if not text:
        return default
    try:
        return f"{max(1, -(-parse_duration(text) // 1000))}s"
    except ValueError as error:
        notes.warn("executor_config.timeout", "not-carried", str(error))
        return default


def _tell_of_config(config: Record, known: tuple[str, ...], notes: Notes) -> None:
    for name in config:
        if name not in known:
            notes.warn(f"executor_config.{name}", "not-carried", "has no counterpart here; left out")


def _tell_of_others(job: Record, notes: Notes) -> None:
    for name, tag in part_of(job, "tags").items():
        count = str(tag).rpartition(":")[2] if ":" in str(tag) else "every"
        told = f"chose the nodes ({tag}) and ran on {count} of them at once; here one agent with the executor runs it"
        notes.warn(f"tags.{name}", "nodes", told)
    for name in part_of(job, "processors"):
        notes.warn(f"processors.{name}", "not-carried", "output is kept here: `jobpoolctl job logs`")
    if text_of(job, "ephemeral") == "true":
        notes.warn("ephemeral", "not-carried", "the job went after its first success; here it stays")
