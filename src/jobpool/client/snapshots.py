"""A snapshot that comes from a server, kept as a file: checked to its end and durable, or not there at all."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from jobpool.kit.effects.files import discard, keep, open_aside
from jobpool.model.errors import FailedPrecondition
from jobpool.wire.snapshot_file import SnapshotReader, Summary


async def keep_snapshot(pieces: AsyncIterator[bytes], path: Path) -> Summary:
    """Write the pieces; `path` appears, or is replaced, only when all of it is whole and durable.

    Raises FailedPrecondition when the file cannot be written, StoreFailed for what is no whole snapshot, and what the
    iteration raises.
    """
    reader = SnapshotReader("received")
    try:
        file = open_aside(path)
        try:
            async for piece in pieces:
                for _ in reader.feed(piece):
                    await asyncio.sleep(0)
                file.write(piece)
            summary = reader.summary()
            await asyncio.to_thread(keep, file, path)
        finally:
            discard(file, path)
    except OSError as error:
        raise FailedPrecondition(
            f"cannot write the snapshot {path}: {error.strerror or error}", field="file"
        ) from error
    return summary
