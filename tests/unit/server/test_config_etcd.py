"""Which engine a configuration means, what its etcd is told, and keys that mean nothing to it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from jobpool.cli.server_flags import CONFIG_FILE, NAMES
from jobpool.etcd.config import MemberConfig, PeerTls
from jobpool.kit.pure.settings import Setting
from jobpool.model.errors import InvalidArgument
from jobpool.server.config import ExternalEtcd, ServerConfig
from jobpool.server.etcd_settings import QUOTA
from jobpool.server.keys import (
    ETCD,
    EXTERNAL_KEYS,
    KEYS,
    MEMBER_KEYS,
    PEER,
    REFUSED_KEYS,
    TLS_KEYS,
    variable,
    why_no_flag,
)
from jobpool.server.load import load
from jobpool.store.engines.etcd.settings import Tls, User

File = Mapping[str, Setting]

ALONE = MemberConfig(data_dir=Path("default.jobpool"))
EXTERNAL = ExternalEtcd(endpoints=("http://localhost:2379",))

MEMBER_SAMPLES: dict[str, tuple[str, str, object]] = {
    "initial-cluster": (
        "initial_cluster",
        "default=http://[::1]:1, b=http://[::1]:2",
        "default=http://[::1]:1,b=http://[::1]:2",
    ),
    "initial-cluster-state": ("initial_cluster_state", "existing", "existing"),
    "initial-cluster-token": ("initial_cluster_token", "mine", "mine"),
    "listen-peer-urls": (
        "listen_peer_urls",
        "http://127.0.0.1:1,http://[::1]:1",
        ("http://127.0.0.1:1", "http://[::1]:1"),
    ),
    "initial-advertise-peer-urls": ("initial_advertise_peer_urls", "http://localhost:9", ("http://localhost:9",)),
    "wal-dir": ("wal_dir", "/fast/wal", "/fast/wal"),
    "heartbeat-interval": ("heartbeat_interval", "200", 200),
    "election-timeout": ("election_timeout", "2000", 2000),
    "initial-election-tick-advance": ("initial_election_tick_advance", "false", False),
    "pre-vote": ("pre_vote", "false", False),
    "strict-reconfig-check": ("strict_reconfig_check", "false", False),
    "snapshot-count": ("snapshot_count", "5000", 5000),
    "max-snapshots": ("max_snapshots", "0", 0),
    "max-wals": ("max_wals", "7", 7),
    "quota-backend-bytes": ("quota_backend_bytes", "1000000000", 1_000_000_000),
    "backend-batch-interval": ("backend_batch_interval", "50ms", 50),
    "backend-batch-limit": ("backend_batch_limit", "500", 500),
    "backend-bbolt-freelist-type": ("backend_bbolt_freelist_type", "array", "array"),
    "max-txn-ops": ("max_txn_ops", "500", 500),
    "max-request-bytes": ("max_request_bytes", "2000000", 2_000_000),
    "auto-compaction-mode": ("auto_compaction_mode", "revision", "revision"),
    "auto-compaction-retention": ("auto_compaction_retention", "30m", "30m"),
}
"""Key: field, text, value."""

EXTERNAL_SAMPLES: dict[str, tuple[str, str, object]] = {
    "etcd-endpoints": ("endpoints", "http://[::1]:1,localhost:2", ("http://[::1]:1", "localhost:2")),
    "etcd-prefix": ("prefix", "/teams/a/", "/teams/a/"),
}


def etcd(
    file: File, flags: Mapping[str, str] | None = None, *, environment: Mapping[str, str] | None = None
) -> MemberConfig | ExternalEtcd | None:
    return load(flags or {}, environment or {}, file).etcd


def refusal(
    file: File | None = None,
    *,
    flags: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        load(flags or {}, environment or {}, file or {}, path="f")
    return caught.value


# ---- which engine


def test_every_key_is_a_flag_save_the_password() -> None:
    assert {*NAMES} == {CONFIG_FILE, *KEYS, *TLS_KEYS} - {"etcd-password"}


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ({}, None),
        ({"engine": "auto"}, None),
        ({"engine": "embedded"}, None),
        ({"engine": "etcd"}, ALONE),
        (
            {"initial-cluster": "default=http://localhost:1"},
            msgspec.structs.replace(ALONE, initial_cluster="default=http://localhost:1"),
        ),
        ({"etcd-endpoints": "http://localhost:2379"}, EXTERNAL),
        ({"engine": "etcd", "etcd-endpoints": ["http://localhost:2379"]}, EXTERNAL),
    ],
)
def test_the_engine_follows_from_what_is_given(file: File, found: MemberConfig | ExternalEtcd | None) -> None:
    config = load({}, {}, file)
    assert config.etcd == found
    assert config.engine == ("embedded" if found is None else "etcd")


def test_the_member_has_the_servers_name_place_and_level() -> None:
    file: File = {
        "engine": "etcd",
        "name": "a",
        "data-dir": "/srv/a",
        "log-level": "warning",
        "etcd-binary": "/opt/etcd",
    }
    config = load({}, {}, file)
    assert config.etcd == MemberConfig(name="a", data_dir=Path("/srv/a"), log_level="warn")
    assert config.etcd_binary == "/opt/etcd"


# ---- keys


@pytest.mark.parametrize(("key", "sample"), MEMBER_SAMPLES.items())
def test_a_key_of_the_member_is_read_from_each_source(key: str, sample: tuple[str, str, object]) -> None:
    field, text, value = sample
    expected = msgspec.structs.replace(ALONE, **{field: value})
    assert etcd({"engine": "etcd"}, {key: text}) == expected
    assert etcd({"engine": "etcd"}, environment={variable(key): text}) == expected
    assert etcd({"engine": "etcd", key: text}) == expected


@pytest.mark.parametrize(("key", "sample"), EXTERNAL_SAMPLES.items())
def test_a_key_of_an_etcd_elsewhere_is_read_from_each_source(key: str, sample: tuple[str, str, object]) -> None:
    field, text, value = sample
    expected = msgspec.structs.replace(EXTERNAL, **{field: value})
    given: File = {} if key == "etcd-endpoints" else {"etcd-endpoints": "http://localhost:2379"}
    assert etcd(given, {key: text}) == expected
    assert etcd(given, environment={variable(key): text}) == expected
    assert etcd({**given, key: text}) == expected


def test_every_key_has_a_sample() -> None:
    assert set(MEMBER_SAMPLES) == set(MEMBER_KEYS) - {"etcd-binary", "force-new-cluster"}
    assert set(EXTERNAL_SAMPLES) == set(EXTERNAL_KEYS)


def test_an_etcd_that_runs_already_may_have_its_quota_told() -> None:
    file: File = {"etcd-endpoints": "http://localhost:2379", "quota-backend-bytes": 4_000_000_000}
    assert etcd(file) == msgspec.structs.replace(EXTERNAL, quota=4_000_000_000)
    assert refusal({**file, "quota-backend-bytes": "much"}).field == "quota-backend-bytes"


def test_a_cluster_may_be_a_list() -> None:
    found = etcd({"initial-cluster": ["default=http://localhost:1", "b=http://localhost:2"]})
    assert isinstance(found, MemberConfig)
    assert found.cluster == "default=http://localhost:1,b=http://localhost:2"
    assert found.advertised == ("http://localhost:1",)


def test_a_cluster_begins_anew_by_a_flag_only() -> None:
    found = etcd({"engine": "etcd"}, {"force-new-cluster": "true"})
    assert isinstance(found, MemberConfig)
    assert found.force_new_cluster
    for error in (
        refusal({"engine": "etcd", "force-new-cluster": True}),
        refusal({"engine": "etcd"}, environment={"JOBPOOL_SERVER_FORCE_NEW_CLUSTER": "true"}),
    ):
        assert error.field == "force-new-cluster"
        assert "it is meant for one start" in error.reason


# ---- certificates

PEER_TLS = PeerTls(
    cert_file="c",
    key_file="k",
    client_cert_file="cc",
    client_key_file="ck",
    client_cert_auth=True,
    trusted_ca_file="a",
    cert_allowed_cn="n",
    cert_allowed_hostname="h",
    crl_file="l",
)
PEER_TEXTS = {
    "cert-file": "c",
    "key-file": "k",
    "client-cert-file": "cc",
    "client-key-file": "ck",
    "client-cert-auth": "true",
    "trusted-ca-file": "a",
    "cert-allowed-cn": "n",
    "cert-allowed-hostname": "h",
    "crl-file": "l",
}


def test_peer_certificates_from_each_source() -> None:
    expected = msgspec.structs.replace(ALONE, peer_tls=PEER_TLS)
    flags = {f"peer-{key}": text for key, text in PEER_TEXTS.items()}
    assert etcd({"engine": "etcd"}, flags) == expected
    assert etcd({"engine": "etcd"}, environment={variable(key): text for key, text in flags.items()}) == expected
    assert etcd({"engine": "etcd", PEER.block: dict(PEER_TEXTS)}) == expected


def test_certificates_that_etcd_makes() -> None:
    found = etcd({"engine": "etcd", "listen-peer-urls": "https://127.0.0.1:1", PEER.block: {"auto-tls": True}})
    assert isinstance(found, MemberConfig)
    assert found.peer_tls == PeerTls(auto_tls=True)


def test_certificates_towards_an_etcd_elsewhere_from_each_source() -> None:
    texts = {"trusted-ca-file": "a", "cert-file": "c", "key-file": "k"}
    given: File = {"etcd-endpoints": "https://localhost:2379"}
    expected = ExternalEtcd(endpoints=("https://localhost:2379",), tls=Tls(Path("a"), Path("c"), Path("k")))
    flags = {f"etcd-{key}": text for key, text in texts.items()}
    assert etcd(given, flags) == expected
    assert etcd(given, environment={variable(key): text for key, text in flags.items()}) == expected
    assert etcd({**given, ETCD.block: dict(texts)}) == expected


# ---- the password


def test_a_password_from_the_environment_the_file_or_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(" s3cret \n# not this\n")
    given: File = {"etcd-endpoints": "localhost:1", "etcd-user": "jobpool"}
    for found, password in (
        (load({}, {"JOBPOOL_SERVER_ETCD_PASSWORD": "s3cret"}, given), "s3cret"),
        (load({}, {}, {**given, "etcd-password": "s3cret"}), "s3cret"),
        (load({}, {}, {**given, "etcd-password-file": str(secret)}), " s3cret "),
    ):
        assert found.etcd_user == User("jobpool", password)
        assert "s3cret" not in repr(found)


def test_servers_may_have_a_user_of_their_own_etcd() -> None:
    found = load({}, {}, {"engine": "etcd", "etcd-user": "jobpool", "etcd-password": "s3cret"})
    assert found.etcd_user == User("jobpool", "s3cret")
    assert load({}, {}, {"engine": "etcd"}).etcd_user is None


def test_a_password_is_shown_by_no_message(tmp_path: Path) -> None:
    given: File = {"etcd-endpoints": "localhost:1", "etcd-password": "s3cret"}
    both: File = {**given, "etcd-user": "u", "etcd-password-file": str(tmp_path / "p")}
    for file, field, words in (
        (given, "etcd-user", "etcd-password is given, this one is missing"),
        ({**given, "etcd-user": "u", "etcd-password": 83}, "etcd-password", "wanted a text, in quotes in f"),
        (both, "etcd-password-file", "etcd-password is given too in f; leave one out"),
        ({"etcd-password": "s3cret"}, "etcd-password", "needs the etcd engine"),
    ):
        error = refusal(file)
        assert (error.field, words in error.reason) == (field, True), error
        assert "s3cret" not in str(error)
        assert "83" not in str(error)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "found none"), (b"\n", "found none"), (b"\xff\n", "it is not text")],
)
def test_a_password_file_without_password_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    error = refusal({"etcd-endpoints": "localhost:1", "etcd-user": "u", "etcd-password-file": str(path)})
    assert error.field == "etcd-password-file"
    assert words in error.reason


# ---- refusals

THREE = "a=http://10.0.0.1:2380,b=http://10.0.0.2:2380"


@pytest.mark.parametrize(
    ("file", "field", "words"),
    [
        (
            {"initial-cluster": THREE},
            "initial-cluster",
            "wanted this member, 'default', among the others, found a, b in f",
        ),
        (
            {"initial-cluster": "here"},
            "initial-cluster",
            "wanted name=http://host:port with commas between, found 'here' in f",
        ),
        ({"initial-cluster": THREE, "name": "a"}, "listen-peer-urls", "that other members reach"),
        ({"engine": "etcd", "listen-peer-urls": "http://one:2380"}, "listen-peer-urls", "found 'http://one:2380' in f"),
        ({"engine": "etcd", "listen-peer-urls": "https://127.0.0.1:1"}, "listen-peer-urls", "https needs cert-file"),
        ({"engine": "etcd", "listen-peer-urls": "http://0.0.0.0:1"}, "initial-advertise-peer-urls", "find this one"),
        (
            {"engine": "etcd", "heartbeat-interval": "100ms"},
            "heartbeat-interval",
            "wanted a whole number from 0 to 50000",
        ),
        ({"engine": "etcd", "heartbeat-interval": 300}, "election-timeout", "wanted 1500 to 50000 ms"),
        ({"engine": "etcd", "pre-vote": "perhaps"}, "pre-vote", "wanted true or false, found 'perhaps' in f"),
        ({"engine": "etcd", "backend-bbolt-freelist-type": "list"}, "backend-bbolt-freelist-type", "one of map, array"),
        (
            {"engine": "etcd", "initial-cluster-state": "old"},
            "initial-cluster-state",
            "one of new, existing, found 'old' in f",
        ),
        ({"engine": "etcd", PEER.block: {"cert-file": "c"}}, f"{PEER.block}.key-file", "this one is missing"),
        ({"engine": "etcd", PEER.block: {"auto-tls": "so"}}, f"{PEER.block}.auto-tls", "found 'so' in f"),
        ({"engine": "etcd", PEER.block: {"cert": "c"}}, f"{PEER.block}.cert", "did you mean 'cert-file'?"),
        ({"engine": "etcd", "peer-cert-file": "c"}, "peer-cert-file", "belongs below 'peer-transport-security'"),
        ({"etcd-endpoints": "localhost"}, "etcd-endpoints", "wanted https://host:port"),
        ({"etcd-endpoints": "localhost:1", "etcd-prefix": "a"}, "etcd-prefix", "such as /jobpool/v1/, found 'a' in f"),
        ({"etcd-endpoints": "localhost:1", "etcd-user": "u"}, "etcd-password", "etcd-user needs it"),
        ({"engine": "etcd", "etcd-user": "root", "etcd-password": "p"}, "etcd-user", "wanted another name"),
        ({"etcd-user": "u", "etcd-password": "p"}, "etcd-user", "needs the etcd engine"),
        ({"etcd-endpoints": "localhost:1", ETCD.block: {"cert-file": "c"}}, f"{ETCD.block}.key-file", "missing"),
        (
            {"etcd-endpoints": "http://localhost:1", ETCD.block: {"trusted-ca-file": "a"}},
            "etcd-endpoints",
            "wanted https",
        ),
        (
            {"client-transport-security": {"auto-tls": True}},
            "client-transport-security.auto-tls",
            "nobody could verify",
        ),
        ({PEER.block: {"cipher-suites": "x"}}, f"{PEER.block}.cipher-suites", "TLS 1.2 and newer"),
    ],
)
def test_refusals_name_the_key(file: dict[str, Setting], field: str, words: str) -> None:
    error = refusal(file)
    assert error.field == field
    assert words in error.reason


def test_a_certificate_given_by_flag_is_missed_by_flag() -> None:
    error = refusal({"engine": "etcd"}, flags={"peer-cert-file": "c"})
    assert (error.field, "this one is missing" in error.reason) == ("peer-key-file", True)


SECURE_FLAGS = (*PEER.flags, *ETCD.flags)


@pytest.mark.parametrize("key", [*MEMBER_KEYS, *EXTERNAL_KEYS, *SECURE_FLAGS])
def test_what_needs_etcd_is_refused_without_it_wherever_it_is_written(key: str) -> None:
    if key in ("initial-cluster", "etcd-endpoints"):
        errors = [refusal({"engine": "embedded", key: "x"})]
        words = "means nothing to the embedded engine"
    else:
        errors = [refusal(flags={key: "x"})]
        words = "needs the etcd engine: give initial-cluster"
        if key != "force-new-cluster":
            errors.append(refusal(environment={variable(key): "x"}))
    for error in errors:
        assert error.field == key
        assert error.reason.startswith(words)
        assert error.reason.endswith(("in f", f"in --{key}", f"in {variable(key)}"))


@pytest.mark.parametrize("key", [*(key for key in MEMBER_KEYS if key != QUOTA), *PEER.flags])
def test_a_key_of_the_member_is_refused_beside_an_etcd_elsewhere(key: str) -> None:
    error = refusal({"etcd-endpoints": "localhost:1"}, flags={key: "x"})
    assert error.field == key
    assert "is for an etcd that the server runs itself, but etcd-endpoints names one" in error.reason


@pytest.mark.parametrize("key", [*EXTERNAL_KEYS[1:], *ETCD.flags])
def test_a_key_of_an_etcd_elsewhere_is_refused_beside_a_member(key: str) -> None:
    error = refusal({"engine": "etcd"}, environment={variable(key): "x"})
    assert error.field == key
    assert "is for an etcd that runs already: it needs etcd-endpoints" in error.reason


@pytest.mark.parametrize("key", [*REFUSED_KEYS, "experimental-warning-apply-duration"])
def test_keys_of_etcd_that_are_not_taken_say_why(key: str) -> None:
    error = refusal({key: 1})
    assert error.field == key
    assert error.reason.startswith(("is ", "is not ")), error.reason
    assert why_no_flag(key) == error.reason
    assert refusal({key.upper().replace("-", "_"): 1}).reason == error.reason


@pytest.mark.parametrize("key", REFUSED_KEYS)
def test_they_say_so_in_the_environment_too(key: str) -> None:
    error = refusal(environment={variable(key): "1"})
    assert error.field == key
    assert error.reason.endswith(f"(found in {variable(key)})")


def test_no_key_is_refused_and_taken() -> None:
    assert not set(REFUSED_KEYS) & {*KEYS, *TLS_KEYS}
    assert [key for key in (*KEYS, *TLS_KEYS) if why_no_flag(key)] == ["etcd-password"]


def test_keys_as_the_samples_of_the_original_write_them_are_told_apart() -> None:
    error = refusal({"ETCD_INITIAL_CLUSTER_TOKEN": "x"})
    assert error.reason == "unknown key; did you mean 'initial-cluster-token'?"


def test_the_defaults_have_no_etcd() -> None:
    assert ServerConfig().etcd is None
