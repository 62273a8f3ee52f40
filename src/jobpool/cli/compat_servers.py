"""`--compat` of what is asked of servers and members: etcdctl's columns, its sentences and its JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from jobpool.cli.compat import go_json, go_text_of, show_old_table
from jobpool.cli.grid import Row

if TYPE_CHECKING:
    from jobpool.wire import jobpool_pb2 as pb

MEMBERS = ("ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner")
STATUS = (
    *("endpoint", "ID", "version", "db size", "is leader", "is learner"),
    *("raft term", "raft index", "raft applied index", "errors"),
)
HASHES = ("endpoint", "hash")


def show_old_members(answer: "pb.MemberListResponse", form: str) -> None:
    if form == "json":
        click.echo(_members_json(answer))
    else:
        _show_rows(MEMBERS, [_member_row(one) for one in answer.data], form)


def show_old_statuses(found: "Sequence[tuple[str, pb.ServerStatusResponse]]", form: str) -> None:
    if form == "json":
        click.echo(_statuses_json(found))
    else:
        _show_rows(STATUS, [_status_row(*one) for one in found], form)


def show_old_hashes(found: "Sequence[tuple[str, pb.HashKVResponse]]", form: str) -> None:
    if form == "json":
        click.echo(_hashes_json(found))
    else:
        _show_rows(HASHES, [(there, str(answer.hash)) for there, answer in found], form)


def _show_rows(columns: Row, rows: Sequence[Row], form: str) -> None:
    """A table, or the same cells with commas between."""
    if form == "table":
        show_old_table(columns, rows)
    else:
        for row in rows:
            click.echo(", ".join(row))


def _member_row(one: "pb.Member") -> Row:
    status = "started" if one.name else "unstarted"
    return (one.id, status, one.name, ",".join(one.peer_urls), one.server_url, _yes(one.is_learner))


def _members_json(answer: "pb.MemberListResponse") -> str:
    """With ids as numbers."""
    members = []
    for one in answer.data:
        said = [f'"ID":{int(one.id, 16)}', *_some("name", one.name and go_text_of(one.name))]
        said += _some("peerURLs", _texts(one.peer_urls)) + _some("clientURLs", _texts(filter(None, (one.server_url,))))
        members.append("{" + ",".join(said + _some("isLearner", "true" * one.is_learner)) + "}")
    return f'{{"header":{go_json(answer.header)},"members":[{",".join(members)}]}}'


def _status_row(endpoint: str, answer: "pb.ServerStatusResponse") -> Row:
    from jobpool.cli.output import size

    return (
        *(endpoint, f"{_id_of(answer):x}", answer.etcd_version or answer.version, size(answer.db_size)),
        *(_yes(_leads(answer)), _yes(answer.is_learner), str(answer.raft_term), str(answer.raft_index)),
        *(str(answer.raft_applied_index), ", ".join(answer.errors)),
    )


def _statuses_json(found: "Sequence[tuple[str, pb.ServerStatusResponse]]") -> str:
    """`leader` is known when one of those that answer leads."""
    leader = next((_id_of(answer) for _, answer in found if _leads(answer)), 0)
    rows = []
    for endpoint, answer in found:
        told = (
            ("header", _header(answer)),
            ("version", go_text_of(answer.etcd_version or answer.version)),
            ("dbSize", str(answer.db_size or "")),
            ("leader", str(leader or "")),
            ("raftIndex", str(answer.raft_index or "")),
            ("raftTerm", str(answer.raft_term or "")),
            ("raftAppliedIndex", str(answer.raft_applied_index or "")),
            ("errors", _texts(answer.errors)),
            ("dbSizeInUse", str(answer.db_size_in_use or "")),
            ("isLearner", "true" * answer.is_learner),
        )
        status = ",".join(part for name, text in told for part in _some(name, text))
        rows.append(f'{{"Endpoint":{go_text_of(endpoint)},"Status":{{{status}}}}}')
    return f"[{','.join(rows)}]"


def _hashes_json(found: "Sequence[tuple[str, pb.HashKVResponse]]") -> str:
    rows = []
    for endpoint, answer in found:
        told = (("hash", answer.hash), ("compact_revision", answer.compact_revision))
        said = ",".join(f'"{name}":{value}' for name, value in told if value)
        rows.append(f'{{"Endpoint":{go_text_of(endpoint)},"HashKV":{{"header":{go_json(answer.header)},{said}}}}}')
    return f"[{','.join(rows)}]"


def _id_of(answer: "pb.ServerStatusResponse") -> int:
    return int(answer.member_id, 16) if answer.member_id else answer.header.member_id


def _header(answer: "pb.ServerStatusResponse") -> str:
    """The member's: scripts tell who leads by comparing its id with `leader`."""
    header = type(answer.header)()
    header.CopyFrom(answer.header)
    header.member_id = _id_of(answer)
    header.raft_term = answer.raft_term or header.raft_term
    return go_json(header)


def _leads(answer: "pb.ServerStatusResponse") -> bool:
    return answer.raft_leader if answer.member_id else answer.is_leader


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _texts(values: "Sequence[str] | filter[str]") -> str:
    texts = [go_text_of(text) for text in values]
    return f"[{','.join(texts)}]" if texts else ""


def _some(name: str, text: str) -> list[str]:
    return [f'"{name}":{text}'] if text else []
