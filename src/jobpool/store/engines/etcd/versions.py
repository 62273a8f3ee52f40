"""Which etcd may be used: known-bad ones are refused, with the reason."""

import re
from collections.abc import Sequence

from msgspec import Struct

OLDEST = (3, 5, 18)
ADVISED = (3, 5, 28)


class Verdict(Struct, frozen=True):
    """Why a version is refused or warned of; empty when it is not."""

    refusal: str = ""
    warning: str = ""


def judge_version(text: str) -> Verdict:
    """What is to be thought of a member that says it has this version."""
    version = _numbers(text)
    if version is None:
        return Verdict(refusal=f"wanted an etcd version such as 3.5.28, found {text!r}")
    if version < OLDEST:
        return Verdict(
            refusal=f"etcd {text} is refused: versions below 3.5.18 can lose events of a watch (etcd issues 15220, "
            "17529, 19179), and some lose acknowledged writes (13766, 14370); use 3.5.28 or newer"
        )
    if version < ADVISED:
        return Verdict(
            warning=f"etcd {text} can answer with stale reads after a pause (etcd issue 20418); use 3.5.28 or newer"
        )
    return Verdict()


def oldest(texts: Sequence[str]) -> tuple[str, str]:
    """The oldest of these versions, and the version of a cluster whose members have them: `3.5.30` → `3.5.0`."""
    known = sorted((numbers, text) for text in texts if (numbers := _numbers(text)) is not None)
    if not known:
        return "", ""
    (major, minor, _), text = known[0]
    return text, f"{major}.{minor}.0"


def _numbers(text: str) -> tuple[int, int, int] | None:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found is not None else None
