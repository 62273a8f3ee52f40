"""What `jobpoolctl endpoint` makes of the servers' answers about themselves and their databases."""

from collections.abc import Sequence
from typing import TypeAlias

from jobpool.cli.ctl_options import Settings
from jobpool.cli.ctl_session import ask_each, endpoints_of, why
from jobpool.cli.output import size
from jobpool.client import Client
from jobpool.model.errors import JobpoolError
from jobpool.wire import jobpool_pb2 as pb

Status: TypeAlias = "pb.ServerStatusResponse | JobpoolError"
Hash: TypeAlias = "pb.HashKVResponse | JobpoolError"

COLUMNS = (
    "Endpoint",
    "Name",
    "ID",
    "Version",
    "Engine",
    "DB size",
    "In use",
    "Is leader",
    "Raft leader",
    "Term",
    "N",
    "Lag",
    "Agents",
    "Raft term",
    "Raft index",
    "Errors",
)
HASH_COLUMNS = ("Endpoint", "Hash", "Revision", "Compacted", "Error")
_FIELDS = (
    "is_leader",
    "raft_leader",
    "version",
    "n",
    "term",
    "lag",
    "id",
    "name",
    "url",
    "engine",
    "leader_id",
    "leader_name",
    "agents",
    "db_size",
    "db_size_in_use",
    "db_quota",
    "etcd_version",
    "member_id",
    "is_learner",
    "raft_term",
    "raft_index",
    "raft_applied_index",
)


async def status_of(client: Client) -> pb.ServerStatusResponse:
    return await client.server_status(pb.ServerStatusRequest())


def fields_of(endpoint: str, answer: Status) -> dict[str, object]:
    """For programs: every row has every field; they are null where the server did not answer."""
    if isinstance(answer, JobpoolError):
        return {"endpoint": endpoint} | dict.fromkeys(_FIELDS) | {"errors": [], "error": why(answer)}
    values = {name: getattr(answer, name) for name in _FIELDS}
    return {"endpoint": endpoint} | values | {"errors": list(answer.errors)}


def line_of(endpoint: str, answer: pb.ServerStatusResponse) -> tuple[str, ...]:
    return (
        *_server(endpoint, answer),
        "leader" if answer.is_leader else "follower",
        "learner" if answer.is_learner else "raft leader" if answer.raft_leader else "",
        f"term {answer.term}",
        f"n {answer.n}",
        f"lag {answer.lag}",
        f"{answer.agents} agent{'s' * (answer.agents != 1)}",
        f"raft term {answer.raft_term}" if answer.raft_term else "",
        f"index {answer.raft_index}" if answer.raft_index else "",
        _errors(answer),
    )


def row_of(endpoint: str, answer: Status) -> tuple[str, ...]:
    """For `COLUMNS`."""
    if isinstance(answer, JobpoolError):
        return (endpoint, *[""] * (len(COLUMNS) - 2), why(answer))
    return (
        *_server(endpoint, answer),
        _yes(answer.is_leader),
        "learner" if answer.is_learner else _yes(answer.raft_leader) if answer.member_id else "",
        str(answer.term),
        str(answer.n),
        str(answer.lag),
        str(answer.agents),
        str(answer.raft_term or ""),
        str(answer.raft_index or ""),
        _errors(answer),
    )


def _server(endpoint: str, answer: pb.ServerStatusResponse) -> tuple[str, ...]:
    return (
        endpoint,
        answer.name,
        answer.id,
        answer.version,
        f"{answer.engine} {answer.etcd_version}".strip(),
        _space(answer),
        size(answer.db_size_in_use) if answer.db_size else "",
    )


def _space(answer: pb.ServerStatusResponse) -> str:
    """Empty when it is not known."""
    if not answer.db_size:
        return ""
    return size(answer.db_size) + (f" of {size(answer.db_quota)}" if answer.db_quota else "")


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _errors(answer: pb.ServerStatusResponse) -> str:
    return "; ".join(error.strip() for error in answer.errors)


async def hashes_of(settings: Settings, *, cluster: bool, revision: int) -> list[tuple[str, Hash]]:
    """At one revision for all: without a given one, the newest of the first that answers."""

    async def ask(client: Client) -> pb.HashKVResponse:
        return await client.hash_kv(pb.HashKVRequest(revision=revision))

    endpoints = await endpoints_of(settings, cluster=cluster)
    found = await ask_each(settings, endpoints, ask)
    if revision == 0 and len(endpoints) > 1:
        revision = min((answer.revision for answer in found if not isinstance(answer, JobpoolError)), default=0)
        found = await ask_each(settings, endpoints, ask) if revision else found
    return list(zip(endpoints, found, strict=True))


def hash_fields(endpoint: str, answer: Hash) -> dict[str, object]:
    if isinstance(answer, JobpoolError):
        return {"endpoint": endpoint, "hash": None, "revision": None, "compact_revision": None, "error": why(answer)}
    return {
        "endpoint": endpoint,
        "hash": answer.hash,
        "revision": answer.revision,
        "compact_revision": answer.compact_revision,
        "error": None,
    }


def hash_line(endpoint: str, answer: pb.HashKVResponse) -> tuple[str, ...]:
    compacted = f"compacted at {answer.compact_revision}" if answer.compact_revision > 0 else ""
    return (endpoint, f"hash {answer.hash}", f"revision {answer.revision}", compacted)


def hash_row(endpoint: str, answer: Hash) -> tuple[str, ...]:
    """For `HASH_COLUMNS`."""
    if isinstance(answer, JobpoolError):
        return (endpoint, "", "", "", why(answer))
    compacted = str(answer.compact_revision) if answer.compact_revision > 0 else ""
    return (endpoint, str(answer.hash), str(answer.revision), compacted, "")


def differ(answers: Sequence[Hash]) -> bool:
    """Whether two databases have another hash where they should have the same."""
    told = [answer for answer in answers if not isinstance(answer, JobpoolError)]
    hashes = {(answer.revision, answer.compact_revision, answer.hash) for answer in told}
    return len(hashes) > len({(revision, compacted) for revision, compacted, _ in hashes})
