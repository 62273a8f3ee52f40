"""The identity in the data directory: made once, kept, and refused by name when it was damaged."""

from pathlib import Path

import pytest

from jobpool.agent.identity import DataDir, Identity
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.model.errors import FailedPrecondition


def identity_in(path: Path) -> Identity:
    data = DataDir(path)
    try:
        return data.identity(SystemClock(), Dice())
    finally:
        data.close()


def test_it_is_the_same_at_every_start(tmp_path: Path) -> None:
    first = identity_in(tmp_path)
    assert identity_in(tmp_path) == first
    assert identity_in(tmp_path / "other") != first
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*-id")} == {0o600}


@pytest.mark.parametrize("name", ["client-id", "secret-id"])
@pytest.mark.parametrize("content", [b"01M8\xcdMH1", b"01M8\x00MH1", b"two words", b"x" * 257])
def test_a_damaged_file_is_named_and_kept(tmp_path: Path, name: str, content: bytes) -> None:
    identity_in(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FailedPrecondition, match=f"{name} is damaged") as refusal:
        identity_in(tmp_path)
    assert refusal.value.field == "data-dir"
    assert content.decode(errors="replace")[:3] not in str(refusal.value).replace(str(tmp_path), "")
    assert (tmp_path / name).read_bytes() == content


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / ".client-id.partial").mkdir()
    with pytest.raises(FailedPrecondition, match=r"cannot keep the agent's identity in .*client-id"):
        identity_in(tmp_path)
