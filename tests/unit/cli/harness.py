"""What the tests of `jobpoolctl` share: how a command ended, and golden files."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

GOLDEN = Path(__file__).parent / "golden"


class Outcome(Struct, frozen=True):
    code: int
    out: str
    err: str
    raw: bytes = b""
    """What was printed, as bytes; `out` has what is no UTF-8 in them written out."""


Ctl: TypeAlias = Callable[..., Awaitable[Outcome]]


def check_golden(name: str, outcome: Outcome) -> None:
    """Compare with `golden/<name>.txt`; REWRITE=1 writes it anew."""
    path = GOLDEN / f"{name}.txt"
    shown = f"{outcome.out}---- stderr\n{outcome.err}---- exit {outcome.code}\n"
    if os.environ.get("REWRITE"):
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")
