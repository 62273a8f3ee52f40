"""The engines, as the conformance suite opens them.

To join, an engine needs one class here and one line in `ENGINES`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from jobpool.store.engines.etcd.engine import EtcdStore
from jobpool.store.engines.sqlite import SqliteStore
from jobpool.store.port import Store
from jobpool.testing.etcd import shared_member
from jobpool.testing.store import MemoryStore


class Engine(Protocol):
    """Opens stores by name; the same name again, once closed, finds what was durable."""

    async def open(self, name: str = "one") -> Store: ...

    async def close(self) -> None:
        """Close every store that was opened."""
        ...


class MemoryEngine:
    """Stores in memory."""

    def __init__(self, directory: Path) -> None:
        self._stores: dict[str, MemoryStore] = {}

    async def open(self, name: str = "one") -> Store:
        known = self._stores.get(name)
        self._stores[name] = known.reopened() if known else MemoryStore()
        return self._stores[name]

    async def close(self) -> None:
        for store in self._stores.values():
            await store.close()


class SqliteEngine:
    """Stores as files in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stores: list[SqliteStore] = []

    async def open(self, name: str = "one") -> Store:
        store = await SqliteStore.open(self._directory / f"{name}.db")
        self._stores.append(store)
        return store

    async def close(self) -> None:
        for store in self._stores:
            await store.close()


class EtcdEngine:
    """Stores as prefixes in one etcd member that the whole process shares."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stores: list[EtcdStore] = []

    async def open(self, name: str = "one") -> Store:
        prefix = f"{self._directory}/{name}/"
        store = await EtcdStore.open([shared_member().endpoint], prefix=prefix, may_compact=True)
        self._stores.append(store)
        return store

    async def close(self) -> None:
        for store in self._stores:
            await store.close()


ENGINES: dict[str, Callable[[Path], Engine]] = {"memory": MemoryEngine, "sqlite": SqliteEngine, "etcd": EtcdEngine}
