"""What goes wrong with files, told as failures of the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobpool.model.errors import StoreFailed


@contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Tell an OSError as a StoreFailed that names the path."""
    try:
        yield
    except OSError as error:
        raise StoreFailed(f"cannot {doing} {path}: {error.strerror or error}") from error
