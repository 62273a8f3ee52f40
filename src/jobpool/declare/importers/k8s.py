"""CronJobs of Kubernetes (batch/v1), as YAML or JSON, one, several or a List."""

import re
from collections.abc import Mapping

from jobpool.declare.importers.common import (
    LONGEST_TIMEOUT,
    Ids,
    Imported,
    ImportOptions,
    Notes,
    label_name,
    label_value,
)
from jobpool.declare.importers.dialects import robfig
from jobpool.declare.importers.records import Record, items_of, number_of, part_of, records_of, text_of, texts_of

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_CARRIED_OF_POD = ("containers", "restartPolicy", "initContainers")
_CARRIED_OF_CONTAINER = ("name", "image", "imagePullPolicy", "command", "args", "env", "workingDir")
_CARRIED_OF_JOB = (
    "template",
    "backoffLimit",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
    "completions",
    "parallelism",
)
_DEFAULT_BACKOFF = 6


def import_cron_jobs(text: str, options: ImportOptions) -> Imported:
    """A plan of the executor `shell` for each CronJob: the command of its container, without the image."""
    notes, ids, documents = Notes(), Ids(), []
    jobs = records_of(text, options.source, within=("items",))
    several = len({text_of(part_of(job, "metadata"), "namespace") or "default" for job in jobs}) > 1
    for job in jobs:
        meta = part_of(job, "metadata")
        name, namespace = text_of(meta, "name"), text_of(meta, "namespace") or "default"
        notes.at(f"{namespace}/{name}" if several else name)
        if text_of(job, "kind") != "CronJob":
            notes.warn(
                "kind", "not-imported", f"wanted a CronJob, found {text_of(job, 'kind') or 'nothing'!r}; left out"
            )
            continue
        document = _document(job, options, notes)
        if document is not None:
            plan_id = ids.of(f"{namespace}.{name}" if several else name, notes)
            labels = {"imported-from": "kubernetes", "kubernetes-namespace": label_value(namespace)}
            labels |= {label_name(key): label_value(str(value)) for key, value in part_of(meta, "labels").items()}
            documents.append({"id": plan_id, "labels": labels} | document)
    return Imported(tuple(documents), tuple(notes.warnings))


def _document(job: Record, options: ImportOptions, notes: Notes) -> dict[str, object] | None:
    spec = part_of(job, "spec")
    run = part_of(part_of(spec, "jobTemplate"), "spec")
    parameters = _parameters(part_of(part_of(run, "template"), "spec"), notes)
    if parameters is None:
        return None
    zone = text_of(spec, "timeZone") or options.time_zone
    document: dict[str, object] = {"executor": "shell", "parameters": parameters}
    if text_of(spec, "suspend") == "true":
        document["status"] = "pending"
    document |= robfig(text_of(spec, "schedule"), zone, notes).fields(notes, field="spec.schedule")
    document |= _overlap(text_of(spec, "concurrencyPolicy") or "Allow", notes)
    deadline = number_of(spec, "startingDeadlineSeconds")
    document["catch_up"] = {"window": f"{deadline}s" if deadline else "366d"}
    document |= _limits(run)
    for name, more in (("completions", 1), ("parallelism", 1)):
        if number_of(run, name) > more:
            notes.warn(f"jobTemplate.spec.{name}", "many-pods", f"{number_of(run, name)} pods there, one run here")
    _tell_of_others("jobTemplate.spec", run, _CARRIED_OF_JOB, notes)
    return document


def _overlap(policy: str, notes: Notes) -> dict[str, object]:
    if policy == "Allow":
        return {}
    if policy == "Forbid":
        told = "a tick during a run is skipped here; Kubernetes starts the newest of them late, when the run has ended"
        notes.warn("spec.concurrencyPolicy", "forbid", told)
    else:
        told = f"{policy} ends the run before; here the tick is skipped while it runs"
        notes.warn("spec.concurrencyPolicy", "replace", told)
    return {"overlap": "skip"}


def _limits(run: Record) -> dict[str, object]:
    """A failed pod is tried again after 10 s, 20 s, 40 s, and so on up to six minutes."""
    attempts = number_of(run, "backoffLimit") if "backoffLimit" in run else _DEFAULT_BACKOFF
    deadline = number_of(run, "activeDeadlineSeconds")
    limits: dict[str, object] = {"timeout": f"{deadline}s" if deadline else LONGEST_TIMEOUT}
    if attempts:
        limits["retry"] = {"attempts": min(attempts, 100), "backoff": "10s", "max_backoff": "6m"}
    return limits


def _parameters(pod: Record, notes: Notes) -> dict[str, object] | None:
    containers = items_of(pod, "containers")
    if not containers:
        notes.warn("containers", "not-imported", "there is no container; left out")
        return None
    container = containers[0]
    for other in containers[1:]:
        notes.warn("containers", "more-containers", f"container {text_of(other, 'name')!r} is left out")
    for other in items_of(pod, "initContainers"):
        notes.warn("initContainers", "more-containers", f"container {text_of(other, 'name')!r} is left out")
    _tell_of_others("template.spec", pod, _CARRIED_OF_POD, notes)
    _tell_of_others(f"containers.{text_of(container, 'name')}", container, _CARRIED_OF_CONTAINER, notes)
    image = text_of(container, "image")
    words = texts_of(container, "command")
    if not words:
        told = f"what {image!r} runs by itself is not known here; left out: give the container a command"
        notes.warn("containers.command", "not-imported", told)
        return None
    notes.warn(
        "containers.image", "image", f"ran in {image!r}, here on the agent's machine, which must have the command"
    )
    env = _env(container, notes)
    parameters: dict[str, object] = {
        "command": [_expanded(word, env, notes) for word in words + texts_of(container, "args")]
    }
    if env:
        parameters["env"] = env
    if directory := text_of(container, "workingDir"):
        parameters["cwd"] = directory
    return parameters


def _env(container: Record, notes: Notes) -> dict[str, str]:
    env: dict[str, str] = {}
    for variable in items_of(container, "env"):
        name = text_of(variable, "name")
        if "valueFrom" in variable:
            notes.warn(f"env.{name}", "env-from", "its value is in Kubernetes (a secret, a config map or a field)")
        else:
            env[name] = _expanded(text_of(variable, "value"), env, notes)
    return env


def _expanded(text: str, env: Mapping[str, str], notes: Notes) -> str:
    """`$(NAME)` with what the env says, else as it is, and `$$` as `$`: so Kubernetes has it."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        if found[1] not in env:
            notes.warn("containers.args", "env-from", f"{found[0]} has no value here")
        return env.get(found[1], found[0])

    return _REFERENCE.sub(value, text)


def _tell_of_others(where: str, record: Record, carried: tuple[str, ...], notes: Notes) -> None:
    others = [name for name in record if name not in carried]
    if others:
        notes.warn(where, "not-carried", f"left out: {', '.join(others)}")
