"""What was loaded is not walked over by each collection."""

import gc
from collections.abc import Iterator

import pytest

from jobpool.kit.effects.garbage import spare_what_is_there


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_there_is_spared_until_it_is_called_again() -> None:
    loaded = [[number] for number in range(1000)]
    spare_what_is_there()
    spared = gc.get_freeze_count()
    assert spared >= len(loaded)
    more = [[number] for number in range(1000)]
    spare_what_is_there()
    assert gc.get_freeze_count() >= spared + len(more) // 2
