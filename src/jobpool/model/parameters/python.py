"""The parameters of `python`."""

import keyword
from collections.abc import Mapping

from msgspec import Struct

from jobpool.kit.pure.durations import Millis
from jobpool.model.parameters.reading import (
    DEFAULT_KILL_AFTER,
    DEFAULT_OUTPUT_LIMIT,
    Json,
    absolute,
    bad,
    json_object,
    kept_output,
    known,
    patience,
    text_of,
    typed,
    variables,
)

PYTHON_KEYS = (
    "entry",
    "args",
    "kwargs",
    "interpreter",
    "venv",
    "path",
    "cwd",
    "env",
    "kill_after",
    "output_limit",
)


class PythonParameters(Struct, frozen=True, kw_only=True):
    """`entry` is `module:function`. `interpreter` and `venv` empty = the agent's own interpreter.

    `path`: directories that come first where modules are looked for. `cwd` empty = a fresh directory of the run's own.
    `kill_after`: milliseconds between TERM and KILL; `output_limit` in bytes.
    """

    entry: str
    args: tuple[Json, ...] = ()
    kwargs: Mapping[str, Json] = {}
    interpreter: str = ""
    venv: str = ""
    path: tuple[str, ...] = ()
    cwd: str = ""
    env: Mapping[str, str] = {}
    kill_after: Millis = DEFAULT_KILL_AFTER
    output_limit: int = DEFAULT_OUTPUT_LIMIT


def python_parameters(text: str) -> PythonParameters:
    """Raises InvalidArgument."""
    given = json_object(text)
    known(given, PYTHON_KEYS)
    interpreter = absolute("interpreter", given.get("interpreter", ""))
    venv = absolute("venv", given.get("venv", ""))
    if interpreter and venv:
        raise bad("venv", "is given beside interpreter: a virtual environment has its own, so say one of the two")
    return PythonParameters(
        entry=_entry(given.get("entry")),
        args=tuple(typed("args", given.get("args", []), list, "an array")),
        kwargs=typed("kwargs", given.get("kwargs", {}), dict, "an object"),
        interpreter=interpreter,
        venv=venv,
        path=tuple(_directory(item) for item in typed("path", given.get("path", []), list, "a list of directories")),
        cwd=absolute("cwd", given.get("cwd", "")),
        env=variables(given.get("env")),
        kill_after=patience("kill_after", given.get("kill_after", "10s")),
        output_limit=kept_output("output_limit", given.get("output_limit", DEFAULT_OUTPUT_LIMIT)),
    )


def _entry(value: Json) -> str:
    if value is None or value == "":
        raise bad("entry", "is missing: say which function to call, as module:function")
    entry = text_of("entry", value)
    module, colon, function = entry.partition(":")
    if not colon or not _is_name(module) or not _is_name(function):
        raise bad("entry", f"wanted module:function such as shop.reports:daily, found {entry[:80]!r}")
    return entry


def _is_name(dotted: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in dotted.split("."))


def _directory(value: Json) -> str:
    path = absolute("path", value)
    if not path:
        raise bad("path", "holds an empty text: wanted absolute paths of directories")
    return path
