"""The identity in the data directory: made once, kept, and refused by name when it was damaged."""

from pathlib import Path

import pytest

from jobpool.agent.identity import Belonging, DataDir, Identity
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


async def test_the_first_cluster_that_welcomes_it_is_its_own_and_no_other(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    assert Belonging(data).cluster == 0
    assert await Belonging(data).accept(0) == ""
    assert Belonging(data).cluster == 0
    assert await Belonging(data).accept(0xA1) == ""
    again = Belonging(data)
    assert again.cluster == 0xA1
    assert await again.accept(0xA1) == await again.accept(0) == ""
    refusal = await again.accept(0xB2)
    for word in ("cluster b2", "of a1", "advertise-server-urls", "cluster-id"):
        assert word in refusal
    assert Belonging(data).cluster == 0xA1
    (tmp_path / "cluster-id").unlink()
    assert await Belonging(data).accept(0xB2) == ""
    data.close()


@pytest.mark.parametrize("content", ["b2\nb3", "wrong", "1" * 17])
def test_a_damaged_cluster_id_is_named_and_kept(tmp_path: Path, content: str) -> None:
    data = DataDir(tmp_path)
    (tmp_path / "cluster-id").write_text(content)
    with pytest.raises(FailedPrecondition, match="cluster-id is damaged"):
        Belonging(data)
    data.close()
    assert (tmp_path / "cluster-id").read_text() == content
