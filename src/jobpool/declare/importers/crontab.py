"""Crontabs of users and, with a user in each line, of the system."""

import re
from collections.abc import Mapping

from msgspec import Struct

from jobpool.declare.importers.common import LONGEST_TIMEOUT, Ids, Imported, ImportOptions, Notes
from jobpool.declare.importers.dialects import vixie

CRONS_PATH = "/usr/bin:/bin"

_SETTING = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z_]\w*))\s*=\s*(.*?)\s*""", re.ASCII)
_LINE = re.compile(r"-?(@\w+|(?:\S+\s+){4}\S+)\s+(.*)")  # cronie reads a leading - as "do not log"
_RELATIVE = re.compile(r"(?:^|[\s;&|(])(?:\.{1,2}/|[\w-]+/)")
_OWN = ("MAILTO", "MAILFROM", "CRON_TZ", "SHELL", "RANDOM_DELAY", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING")
_BEFORE = ("cd", "test", "[", "export", "umask", ".")
_PREFIXES = ("exec", "nice", "ionice", "nohup", "sudo", "env", "command")


class _Line(Struct, frozen=True):
    """One job: when, as whom (empty = not said), what; the settings that stand above it; the comment just above it."""

    schedule: str
    user: str
    command: str
    settings: Mapping[str, str]
    comment: str


def import_crontab(text: str, options: ImportOptions) -> Imported:
    """A plan for each job. It runs in `sh` as cron ran it, with cron's PATH, but as the user of the agent."""
    notes, ids, documents = Notes(), Ids(), []
    settings: dict[str, str] = {}
    comment = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        notes.at("", number)
        if not stripped or stripped.startswith("#"):
            comment = stripped.lstrip("# ")
            continue
        setting = _setting(stripped)
        if setting is not None:
            settings[setting[0]] = setting[1]
            _tell_of_setting(setting[0], setting[1], notes)
        else:
            job = _job(stripped, settings, comment, system=options.system)
            if job is None:
                notes.warn("schedule", "not-read", f"neither a setting nor a job: {stripped[:80]!r}")
            elif (document := _document(job, options, ids, notes)) is not None:
                documents.append(document)
        comment = ""
    return Imported(tuple(documents), tuple(notes.warnings))


def _setting(line: str) -> tuple[str, str] | None:
    found = _SETTING.fullmatch(line)
    if found is None:
        return None
    value = found[4]
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return found[1] or found[2] or found[3], value


def _tell_of_setting(name: str, value: str, notes: Notes) -> None:
    if name == "MAILTO" and value:
        notes.warn(name, "mail", f"output went to {value} by mail; here it is kept: `jobpoolctl job logs`")
    elif name == "TZ":
        notes.warn(name, "tz", "TZ is set for the commands; of schedules only CRON_TZ or --tz says the zone")
    elif name == "RANDOM_DELAY":
        notes.warn(name, "random", "the random delay is left out: jobs start on time")


def _job(line: str, settings: Mapping[str, str], comment: str, *, system: bool) -> _Line | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    schedule, rest = found.groups()
    user = ""
    if system:
        user, *others = rest.split(maxsplit=1)
        rest = others[0] if others else ""
    return _Line(schedule, user, rest, dict(settings), comment) if rest else None


def _document(job: _Line, options: ImportOptions, ids: Ids, notes: Notes) -> dict[str, object] | None:
    if job.schedule.lower() == "@reboot":
        notes.warn("schedule", "reboot", f"nothing here runs when a machine starts; left out: {job.command[:80]!r}")
        return None
    if job.user:
        notes.warn("user", "run-as", f"ran as {job.user!r}, here as the user of the agent")
    elif job.command.startswith(("root ", "root\t")):
        notes.warn("command", "system", "the command begins with 'root': in a crontab of the system that is the user")
    schedule = vixie(job.schedule, job.settings.get("CRON_TZ", options.time_zone), notes)
    document: dict[str, object] = {"id": ids.of(_name(job.command))}
    if job.comment:
        document["description"] = job.comment[:4096]
    document |= {
        "labels": {"imported-from": "crontab"},
        "executor": "shell",
        "parameters": _parameters(job, notes),
        **schedule.fields(notes, field="schedule"),
        "catch_up": {"mode": "none"},
        "timeout": LONGEST_TIMEOUT,
    }
    return document


def _name(command: str) -> str:
    """Of the program, without what stands before it."""
    parts = [part.split() for part in re.split(r"&&|\|\||[;|]", command)]
    words = [word for part in parts if part and part[0] not in _BEFORE for word in part if "=" not in word]
    while len(words) > 1 and words[0] in _PREFIXES:
        del words[0]
    return (words or ["job"])[0].rsplit("/", 1)[-1] or "job"


def _parameters(job: _Line, notes: Notes) -> dict[str, object]:
    env = {name: value for name, value in job.settings.items() if name not in _OWN}
    env.setdefault("PATH", CRONS_PATH)
    command = _command(job.command, notes)
    if _RELATIVE.search(job.command) or job.command.startswith("cd "):
        notes.warn("command", "directory", "cron starts in the user's home, here each run has a directory of its own")
    shell = job.settings.get("SHELL", "/bin/sh")
    return {"command": command if shell == "/bin/sh" else [shell, "-c", command], "env": env}


def _command(text: str, notes: Notes) -> str:
    r"""`%` begins what the command reads, and ends its lines; `\%` is a plain one."""
    command, *lines = [part.replace("\0", "%") for part in text.replace(r"\%", "\0").split("%")]
    if not lines:
        return command
    notes.warn("command", "stdin", "what stands behind % is given to the command by a pipe, as cron did")
    quoted = " ".join("'" + line.replace("'", "'\\''") + "'" for line in lines)
    return f"printf '%s\\n' {quoted} | {{\n{command}\n}}"
