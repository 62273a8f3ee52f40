"""The parameters of `shell`."""

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


class ShellParameters(Struct, frozen=True, kw_only=True):
    """`command` is the argument vector. `kill_after`: milliseconds between TERM and KILL; `output_limit` in bytes.

    `cwd` empty = a fresh directory of the run's own.
    """

    command: tuple[str, ...]
    env: Mapping[str, str] = {}
    cwd: str = ""
    kill_after: Millis = DEFAULT_KILL_AFTER
    output_limit: int = DEFAULT_OUTPUT_LIMIT


def shell_parameters(text: str) -> ShellParameters:
    """Raises InvalidArgument."""
    given = json_object(text)
    known(given, ("command", "env", "cwd", "kill_after", "output_limit"))
    return ShellParameters(
        command=_command(given.get("command")),
        env=variables(given.get("env")),
        cwd=absolute("cwd", given.get("cwd", "")),
        kill_after=patience("kill_after", given.get("kill_after", "10s")),
        output_limit=kept_output("output_limit", given.get("output_limit", DEFAULT_OUTPUT_LIMIT)),
    )


def _command(value: Json) -> tuple[str, ...]:
    if value is None or value == "" or value == []:
        raise bad("command", "is missing: say what to run")
    if isinstance(value, str):
        return ("/bin/sh", "-c", text_of("command", value))
    items = typed("command", value, list, "a text or a list of texts")
    words = tuple(text_of("command", item) for item in items)
    if not words[0]:
        raise bad("command", "the program's name is empty")
    return words
