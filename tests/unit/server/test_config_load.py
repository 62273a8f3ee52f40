"""A server's configuration: defaults, precedence, and refusals that name the key and where the value came from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobpool.cli.options import read_config
from jobpool.kit.pure.durations import HOUR, MINUTE
from jobpool.kit.pure.settings import Setting
from jobpool.model.errors import InvalidArgument
from jobpool.server.config import ServerConfig, Tls
from jobpool.server.keys import CLIENT, OWN_KEYS, variable
from jobpool.server.load import load

SECURITY = CLIENT.block

ROOT = Path(__file__).parents[3]

SAMPLES: dict[str, tuple[str, str, object]] = {
    "name": ("name", "berlin-1", "berlin-1"),
    "data-dir": ("data_dir", "/srv/jobpool", "/srv/jobpool"),
    "listen-client-urls": ("listen_client_urls", "http://[::1]:1,http://h:2", ("http://[::1]:1", "http://h:2")),
    "advertise-client-urls": ("advertise_client_urls", "http://h:2379", ("http://h:2379",)),
    "host-whitelist": ("host_whitelist", "a.example.org, ::1", ("a.example.org", "::1")),
    "worker-number": ("worker_number", "0", 0),
    "job-parallelism-limit": ("job_parallelism_limit", "7", 7),
    "default-time-zone": ("default_time_zone", "Europe/Berlin", "Europe/Berlin"),
    "min-heartbeat-ttl": ("min_heartbeat_ttl", "1m", MINUTE),
    "failover-heartbeat-ttl": ("failover_heartbeat_ttl", "2m", 2 * MINUTE),
    "job-gc-threshold": ("job_gc_threshold", "1h", HOUR),
    "node-gc-threshold": ("node_gc_threshold", "1h30m", 90 * MINUTE),
    "keep-finished-runs": ("keep_finished_runs", "1", 1),
    "allow-remote-snapshot": ("allow_remote_snapshot", "true", True),
    "enable-etcd-api": ("enable_etcd_api", "false", False),
    "require-callback-token": ("require_callback_token", "true", True),
    "log-level": ("log_level", "debug", "debug"),
    "log-format": ("log_format", "json", "json"),
}
"""Key: field, text, value."""


def flagged(**flags: str) -> ServerConfig:
    return load({name.replace("_", "-"): text for name, text in flags.items()}, {}, {})


def refusal(
    file: Mapping[str, Setting] | None = None,
    *,
    flags: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        load(flags or {}, environment or {}, file or {}, path="f")
    return caught.value


def test_without_any_source_everything_has_its_default() -> None:
    assert load({}, {}, {}) == ServerConfig()
    assert ServerConfig(name="x").directory == "x.jobpool"


def test_every_key_of_the_server_has_a_sample() -> None:
    assert set(SAMPLES) == set(OWN_KEYS) - {"eval-gc-threshold", "engine"}


@pytest.mark.parametrize(("key", "sample"), SAMPLES.items())
def test_a_key_is_read_from_each_source(key: str, sample: tuple[str, str, object]) -> None:
    field, text, value = sample
    expected = msgspec.structs.replace(ServerConfig(), **{field: value})
    assert load({key: text}, {}, {}) == expected
    assert load({}, {variable(key): text}, {}) == expected
    assert load({}, {}, {key: text}) == expected


def test_flags_win_over_the_environment_and_that_over_the_file() -> None:
    file: dict[str, Setting] = {"worker-number": 1, "log-level": "error", "name": "from-file"}
    environment = {"JOBPOOL_SERVER_WORKER_NUMBER": "2", "JOBPOOL_SERVER_LOG_LEVEL": "warning"}
    config = load({"worker-number": "3"}, environment, file)
    assert (config.worker_number, config.log_level, config.name) == (3, "warning", "from-file")


def test_what_is_empty_is_not_given() -> None:
    assert load({"name": ""}, {"JOBPOOL_SERVER_NAME": ""}, {"name": None}).name == "default"


def test_foreign_variables_are_none_of_ours() -> None:
    # Kubernetes sets these for a service called jobpool-server.
    environment = {"JOBPOOL_SERVER_PORT": "tcp://10.0.0.1:2379", "JOBPOOL_SERVER_SERVICE_HOST": "10.0.0.1"}
    assert load({}, environment, {}) == ServerConfig()


def test_lists_may_be_lists() -> None:
    file: dict[str, Setting] = {"listen-client-urls": ["http://a:1", "http://b:2", "http://a:1"]}
    assert load({}, {}, file).listen_client_urls == ("http://a:1", "http://b:2")


def test_tls_from_the_file_and_over_it() -> None:
    file: dict[str, Setting] = {
        "listen-client-urls": "https://localhost:2379",
        SECURITY: {"cert-file": "c", "key-file": "k", "trusted-ca-file": "a", "client-cert-auth": True},
    }
    tls = load({}, {}, file).tls
    assert tls == Tls("c", "k", "a", True)
    assert tls.shown == ("c", "k")
    environment = {"JOBPOOL_SERVER_CLIENT_CERT_AUTH": "false"}
    assert load({"cert-file": "other"}, environment, file).tls == Tls("other", "k", "a", False)


def test_another_certificate_may_be_shown_to_other_servers() -> None:
    tls = flagged(cert_file="c", key_file="k", client_cert_file="cc", client_key_file="ck").tls
    assert tls.shown == ("cc", "ck")
    assert Tls().shown == ("", "")


def test_both_limits_of_the_original_may_be_given_when_they_agree() -> None:
    assert flagged(job_gc_threshold="24h", eval_gc_threshold="1d").job_gc_threshold == 24 * HOUR


@pytest.mark.parametrize(
    ("file", "field", "words"),
    [
        ({"worker-numbr": 1}, "worker-numbr", "unknown key; did you mean 'worker-number'?"),
        ({"WORKER_NUMBER": 1}, "WORKER_NUMBER", "did you mean 'worker-number'?"),
        ({"zzz": 1}, "zzz", "known are: name, data-dir"),
        ({"cert-file": "c"}, "cert-file", "belongs below 'client-transport-security'"),
        ({SECURITY: "yes"}, SECURITY, "wanted keys and values below it, found 'yes'"),
        ({SECURITY: {"cert": "c"}}, f"{SECURITY}.cert", "did you mean 'cert-file'?"),
        ({SECURITY: {1: "c"}}, f"{SECURITY}.1", "unknown key"),
        ({SECURITY: {"cert-file": "c"}}, "key-file", "go together"),
        ({SECURITY: {"key-file": "c"}}, "cert-file", "go together"),
        ({SECURITY: {"client-cert-auth": True}}, "trusted-ca-file", "client-cert-auth needs it"),
        ({SECURITY: {"client-cert-auth": "maybe"}}, "client-cert-auth", "wanted true or false, found 'maybe'"),
        ({"name": "a/b"}, "name", "found 'a/b' in f"),
        ({"name": True}, "name", "wanted a text, found True in f"),
        ({"name": "a" * 129}, "name", "wanted up to 128"),
        ({"data-dir": "a\0b"}, "data-dir", "wanted a text"),
        ({"data-dir": ["a"]}, "data-dir", "wanted a text, found ['a']"),
        ({SECURITY: {"client-cert-file": "c"}}, "client-key-file", "go together"),
        ({"engine": "sqlite"}, "engine", "wanted one of auto, embedded, etcd, found 'sqlite'"),
        ({"listen-client-urls": "localhost:2379"}, "listen-client-urls", "wanted URLs such as http://127.0.0.1:2379"),
        ({"listen-client-urls": "http://localhost"}, "listen-client-urls", "wanted URLs"),
        ({"listen-client-urls": "http://localhost:65536"}, "listen-client-urls", "wanted URLs"),
        ({"listen-client-urls": "http://a:1/x"}, "listen-client-urls", "wanted URLs"),
        ({"listen-client-urls": "http://u@a:1"}, "listen-client-urls", "wanted URLs"),
        ({"listen-client-urls": "unix://a:1"}, "listen-client-urls", "wanted URLs"),
        ({"listen-client-urls": []}, "listen-client-urls", "wanted a comma-separated list"),
        ({"listen-client-urls": [1]}, "listen-client-urls", "wanted a comma-separated list"),
        ({"listen-client-urls": "https://a:1"}, "listen-client-urls", "https://a:1 needs a certificate"),
        ({"host-whitelist": "http://a"}, "host-whitelist", "wanted host names or addresses without port"),
        ({"host-whitelist": "a:80"}, "host-whitelist", "without port, or '*' for all, found 'a:80'"),
        ({"worker-number": -1}, "worker-number", "wanted a whole number from 0 to 1000, found -1"),
        ({"worker-number": True}, "worker-number", "found True"),
        ({"worker-number": 1.5}, "worker-number", "found 1.5"),
        ({"worker-number": "٣"}, "worker-number", "wanted a whole number"),
        ({"worker-number": "+-3"}, "worker-number", "wanted a whole number"),
        ({"job-parallelism-limit": 0}, "job-parallelism-limit", "wanted a whole number from 1 to 1000000, found 0"),
        ({"default-time-zone": "Europe/Berln"}, "default-time-zone", "Europe/Berlin"),
        ({"default-time-zone": "xyzzy"}, "default-time-zone", "wanted an IANA zone such as Europe/Berlin"),
        ({"min-heartbeat-ttl": "soon"}, "min-heartbeat-ttl", "wanted a duration"),
        ({"min-heartbeat-ttl": 10}, "min-heartbeat-ttl", "wanted a duration"),
        ({"min-heartbeat-ttl": "0s"}, "min-heartbeat-ttl", "wanted a duration of at least 100ms, found '0s'"),
        ({"failover-heartbeat-ttl": "-1s"}, "failover-heartbeat-ttl", "wanted a duration"),
        ({"job-gc-threshold": "0"}, "job-gc-threshold", "at least 1s"),
        ({"node-gc-threshold": "0"}, "node-gc-threshold", "at least 1s"),
        ({"eval-gc-threshold": "24h"}, "eval-gc-threshold", "the same as job-gc-threshold (7d)"),
        ({"keep-finished-runs": 0}, "keep-finished-runs", "wanted a whole number from 1"),
        ({"log-level": "loud"}, "log-level", "wanted one of debug, info, warning, error, found 'loud'"),
        ({"log-format": "xml"}, "log-format", "wanted one of text, json"),
    ],
)
def test_refusals_name_the_key(file: dict[str, Any], field: str, words: str) -> None:
    error = refusal(file)
    assert error.field == field
    assert words in error.reason


def test_refusals_name_the_place() -> None:
    assert "found '-1' in --worker-number" in refusal(flags={"worker-number": "-1"}).reason
    spoken = refusal(environment={"JOBPOOL_SERVER_WORKER_NUMBER": "-1"})
    assert "found '-1' in JOBPOOL_SERVER_WORKER_NUMBER" in spoken.reason
    assert "soon" in refusal(flags={"min-heartbeat-ttl": "soon"}).reason
    assert refusal(flags={"min-heartbeat-ttl": "soon"}).reason.endswith("in --min-heartbeat-ttl")


def test_a_long_value_is_told_in_short() -> None:
    assert len(refusal({"name": "/" * 10_000}).reason) < 300


@pytest.mark.parametrize(("text", "words"), [("- a", "wanted keys and values"), ("a: [", "is not YAML")])
def test_files_that_are_no_settings(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "server.yaml"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=words) as caught:
        read_config(str(path))
    assert caught.value.field == "config-file"
    assert str(path) in caught.value.reason


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"config-file: cannot read .*No such file"):
        read_config(str(tmp_path / "gone.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\x00\xfe")
    with pytest.raises(InvalidArgument, match="is not YAML"):
        read_config(str(tmp_path / "binary.yaml"))


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "server.yaml"
    path.write_text("# nothing\n")
    assert read_config(str(path)) == {}


def test_the_shipped_configuration_is_the_defaults_written_out() -> None:
    file = read_config(str(ROOT / "config" / "server-single.yaml"))
    assert set(file) == set(OWN_KEYS) - {"advertise-client-urls"}
    assert load({}, {}, file) == ServerConfig(data_dir="default.jobpool")
