"""Calls one function for jobpool, in whatever Python (3.8 or newer) a plan names: only the standard library is at hand.

    python -u python_runner.py DIR

DIR is the run's directory. It has in it:
  call.json     {"entry": "module:function", "args": […], "kwargs": {…}, "path": […], "limit": bytes of a result}
and this leaves there, before it ends:
  result.json   {"result": …}, without a member when the function returned None
                {"failure": "entry" | "raised" | "result", "text": "…"}
Exit code 0 = the function has returned and its result is kept.
"""

from __future__ import annotations

import asyncio
import difflib
import importlib
import inspect
import json
import os
import sys
import traceback
from typing import Any, Awaitable, Callable, NoReturn  # noqa: UP035 — of 3.8

CALL = "call.json"
RESULT = "result.json"
TEXT_LIMIT = 4096
"""Letters of an error that are told; the output has all of it."""


class Failure(Exception):
    """Why there is no result: `entry` when there is no such function to call, `result` when it cannot be kept."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def main(directory: str) -> None:
    with open(os.path.join(directory, CALL), encoding="utf-8") as file:
        call = json.load(file)
    sys.argv[:] = [call["entry"]]
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    sys.path[:0] = call["path"]
    try:
        function = find(call["entry"])
        fits(function, call["entry"], call["args"], call["kwargs"])
        record = result_of(invoke(function, call["args"], call["kwargs"]), call["limit"])
    except Failure as failure:
        told(failure.__cause__)
        sys.stderr.write(f"jobpool: {failure}\n")
        end(directory, {"failure": failure.kind, "text": str(failure)})
    except SystemExit as leaving:
        if leaving.code is None or leaving.code == 0:
            keep(directory, "{}")
        else:
            keep(directory, json.dumps({"failure": "raised", "text": named(leaving)}))
        raise
    except BaseException as error:  # noqa: BLE001 — code of others
        told(error)
        end(directory, {"failure": "raised", "text": named(error)})
    keep(directory, record)


def find(entry: str) -> Callable[..., object]:
    """The function. Raises Failure."""
    name, _, attributes = entry.partition(":")
    found: Any = load(name)
    where = name
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            near = difflib.get_close_matches(attribute, [word for word in dir(found) if word[0] != "_"], 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"it is read from {getattr(found, '__file__', 'memory')}"
            raise Failure("entry", f"{where} has no {attribute!r}; {hint}")
        found = getattr(found, attribute)
        where = f"{where}.{attribute}"
    if not callable(found):
        raise Failure("entry", f"{entry} is no function but a value of type {type(found).__name__}")
    function: Callable[..., object] = found
    return function


def load(name: str) -> object:
    """The module. Raises Failure."""
    try:
        return importlib.import_module(name)
    except BaseException as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and (name == missing or name.startswith(missing + ".")):
            raise Failure(
                "entry",
                f"there is no module {missing!r} for {sys.executable}: "
                "give the directory that it is in as `path`, or install it there",
            ) from None
        hint = f"; install what is missing for {sys.executable}" if missing else ""
        raise Failure("entry", f"module {name!r} cannot be imported: {named(error)}{hint}") from error


def fits(function: Callable[..., object], entry: str, args: list[object], kwargs: dict[str, object]) -> None:
    """Raise Failure when the function does not take the arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # of one that is not written in Python only the call tells
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise Failure("entry", f"{entry}{signature} does not take these args and kwargs: {error}") from None


def invoke(function: Callable[..., object], args: list[object], kwargs: dict[str, object]) -> object:
    value = function(*args, **kwargs)
    return asyncio.run(finished(value)) if inspect.isawaitable(value) else value


async def finished(value: Awaitable[object]) -> object:
    return await value


def result_of(value: object, limit: int) -> str:
    """The record of a result. Raises Failure for what is not JSON or too large."""
    if value is None:
        return "{}"
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        wanted = "return None, or what JSON can hold: numbers, texts, lists and dicts of them"
        raise Failure("result", f"the result is not JSON ({error}); {wanted}") from None
    if size > limit:
        wanted = "store it elsewhere and return where, or print it"
        raise Failure("result", f"the result has {size} bytes as JSON and at most {limit} are kept; {wanted}")
    return f'{{"result":{text}}}'


def told(error: BaseException | None) -> None:
    """The traceback as the output has it, from the user's code on."""
    if error is None:
        return
    place = error.__traceback__
    while place is not None and place.tb_frame.f_code.co_filename == __file__:
        place = place.tb_next
    traceback.print_exception(type(error), error, place)


def named(error: BaseException) -> str:
    """As the last line of a traceback, and in one line."""
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    try:
        text = " ".join(str(error).splitlines())
    except Exception:  # noqa: BLE001 — code of others
        text = "(its text cannot be had)"
    return (f"{name}: {text}" if text else name)[:TEXT_LIMIT]


def end(directory: str, record: dict[str, str]) -> NoReturn:
    keep(directory, json.dumps(record))
    sys.exit(1)


def keep(directory: str, record: str) -> None:
    """All of it or nothing, and on disk."""
    aside = os.path.join(directory, f".{RESULT}")
    with open(aside, "w", encoding="utf-8") as file:
        file.write(record)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, os.path.join(directory, RESULT))


if __name__ == "__main__":
    main(sys.argv[1])
