"""Why a member ended, from what etcd 3.5.30 was seen to say."""

import pytest

from jobpool.etcd.diagnosis import Strangers, diagnose, last_words
from jobpool.etcd.log_lines import LogLine, parse_line, raft_log


def fatal(message: str, error: str) -> LogLine:
    return LogLine("error", message, {"error": error}, last=True)


IN_USE = "listen tcp 127.0.0.1:2380: bind: address already in use"


@pytest.mark.parametrize(
    ("line", "lasting", "told"),
    [
        (fatal("discovery failed", IN_USE), False, "another process uses an address"),
        (fatal("failed to create WAL", "no space left on device"), False, "disk of the data directory is full"),
        (fatal("cannot access data directory", "open /d: permission denied"), False, "this user may not use a file"),
        (
            fatal("discovery failed", "listen tcp 10.9.9.9:2380: bind: cannot assign requested address"),
            False,
            "10.9.9.9",
        ),
        (fatal("failed to open database", "invalid database"), True, "data is damaged"),
        (fatal("failed to recover v3 backend from snapshot", "no such file"), True, "data is damaged"),
        (fatal("checkInitialHashKV failed", "found data inconsistency with peers"), True, "data is damaged"),
        (
            fatal("discovery failed", "member f5667ce1db7b6177 has already been bootstrapped"),
            True,
            "directory is empty",
        ),
        (fatal("discovery failed", 'couldn\'t find local name "a" in the initial cluster configuration'), True, '"a"'),
        (fatal("discovery failed", "tls: private key does not match public key"), True, "peer-transport-security"),
        (LogLine("warning", "failed to verify flags", {"error": "bad url"}), True, "refuses its configuration"),
        (
            LogLine("warning", "server error", {"error": "the member has been permanently removed from the cluster"}),
            True,
            "was removed from its cluster",
        ),
    ],
)
def test_a_known_end_is_explained(line: LogLine, lasting: bool, told: str) -> None:
    before = LogLine("warning", "simple token is not cryptographically signed")
    found = diagnose([before, line], "")
    assert found is not None
    assert (found.lasting, told in found.reason) == (lasting, True), found.reason


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("flag provided but not defined: -nonsense\nUsage:\n", "refuses its configuration"),
        ('invalid value "x" for flag -quota-backend-bytes: parse error\nUsage:\n', "quota-backend-bytes"),
        (
            "panic: tocommit(2128) is out of range [lastIndex(0)]. Was the raft log corrupted, truncated, or lost?\n\n"
            "goroutine 162 [running]:\n",
            "remove the member from the cluster and add it again",
        ),
        ("unexpected fault address 0x7f\nfatal error: fault\n[signal SIGBUS: bus error]\n", "data is damaged"),
    ],
)
def test_what_it_only_prints_is_read_too(output: str, told: str) -> None:
    found = diagnose([], output)
    assert found is not None
    assert found.lasting
    assert told in found.reason


def test_complaints_of_a_long_life_are_not_why_it_ended() -> None:
    """Killed by the kernel, it says nothing; what it said before about others must not stop us for good."""
    lines = [
        LogLine("warning", "rejected connection", {"error": "tls: bad certificate"}),
        LogLine("error", "failed to send snapshot", {"error": "crc mismatch"}),
        LogLine(
            "warning", "peer became inactive", {"error": "the member has been permanently removed from the cluster"}
        ),
    ]
    assert diagnose(lines, "") is None


def test_an_unknown_end_is_told_in_its_last_words() -> None:
    lines = [LogLine("error", "first"), LogLine("error", "second", {"error": "why"}), LogLine("warning", "third")]
    assert last_words(lines, "") == "second: why"
    assert last_words(lines, "\npanic: oh\n\ngoroutine 1\n") == "panic: oh"
    assert last_words([LogLine("info", "fine")], "") == "it said nothing"


def refused_by(peer: str) -> LogLine:
    fields = {"remote-peer-id": peer, "remote-peer-cluster-id": "b2", "local-member-cluster-id": "66"}
    return LogLine("error", "request sent was ignored due to cluster ID mismatch", fields)


def test_one_stranger_among_three_leaves_a_majority() -> None:
    strangers = Strangers(3)
    assert strangers.hear(refused_by("x")) is None
    assert strangers.hear(refused_by("x")) is None


def test_a_member_that_all_others_refuse_is_the_stranger() -> None:
    strangers = Strangers(3)
    strangers.hear(refused_by("x"))
    found = strangers.hear(refused_by("y"))
    assert found is not None
    assert found.lasting
    assert "this member is of cluster 66, its peers are of cluster b2" in found.reason
    assert "initial-cluster-token" in found.reason


def test_what_others_sent_us_counts_for_nothing() -> None:
    strangers = Strangers(2)
    asked = LogLine("warning", "request cluster ID mismatch", {"remote-peer-cluster-id": "b2"})
    assert strangers.hear(asked) is None
    assert strangers.hear(LogLine("warning", "rejected connection")) is None


@pytest.mark.parametrize(
    ("said", "level", "last"),
    [("debug", "debug", False), ("warn", "warning", False), ("dpanic", "error", True), ("fatal", "error", True)],
)
def test_a_line_of_the_log_in_our_words(said: str, level: str, last: bool) -> None:
    line = parse_line(b'{"level":"%s","ts":"x","caller":"a.go:1","msg":"told ","error":"why"}' % said.encode())
    assert (line.level, line.last, str(line)) == (level, last, "told: why")
    assert line.fields == {"caller": "a.go:1", "error": "why"}


def test_a_line_that_is_not_json_is_kept_as_it_is() -> None:
    assert parse_line(b"plain \xff words\n") == LogLine("warning", "plain \ufffd words")
    assert parse_line(b'{"msg":"\xff"}') == LogLine("warning", '{"msg":"\ufffd"}')


def test_how_far_a_members_log_goes_is_read_from_its_first_words() -> None:
    said = "newRaft 7be1d72517f53e83 [peers: [], term: 3, commit: 4, applied: 0, lastindex: 5, lastterm: 2]"
    assert raft_log(LogLine("info", said)) == {"last_term": 2, "last_index": 5}
    assert raft_log(LogLine("info", "7be1d72517f53e83 became follower at term 3")) == {}


@pytest.mark.parametrize(
    "line", [fatal("x", "member a1 has already been bootstrapped"), fatal("x", "invalid database")]
)
def test_who_lost_its_data_is_told_apart(line: LogLine) -> None:
    found = diagnose([line], "")
    assert found is not None
    assert found.lost is ("bootstrapped" in line.error)
