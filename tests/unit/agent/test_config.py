"""The agent's configuration: defaults, precedence, and refusals that name the key."""

from pathlib import Path

import pytest

from jobpool.agent.config import AgentConfig, TlsConfig, build
from jobpool.agent.executor import BUILT_IN, GROUP
from jobpool.cli.options import read_config
from jobpool.kit.pure.settings import Setting
from jobpool.model.errors import InvalidArgument

ROOT = Path(__file__).parents[3]


def test_defaults() -> None:
    assert build({}, {}) == AgentConfig(name="agent-1", data_dir=Path("agent-1.jobpool-agent"))


def test_what_is_given_wins_over_the_file() -> None:
    file: dict[str, Setting] = {
        "name": "a",
        "capacity": 5,
        "advertise-server-urls": "http://one:1,https://two:2",
        "executors": ["noop", "shell"],
        "drain-timeout": "5s",
        "client-transport-security": {
            "trusted-ca-file": "ca",
            "cert-file": "c",
            "key-file": "k",
            "client-cert-auth": True,
        },
    }
    config = build({"capacity": "7", "name": ""}, file)
    assert (config.name, config.capacity, config.drain_timeout) == ("a", 7, 5000)
    assert config.server_urls == ("http://one:1", "https://two:2")
    assert config.executors == ("noop", "shell")
    assert config.tls == TlsConfig("c", "k", "ca")
    assert config.data_dir == Path("a.jobpool-agent")


@pytest.mark.parametrize(
    ("file", "field", "words"),
    [
        ({"capasity": 5}, "capasity", "did you mean 'capacity'?"),
        ({"name": "a/b"}, "name", "wanted up to 128"),
        ({"capacity": 0}, "capacity", "wanted a whole number from 1 to 32768, found 0"),
        ({"capacity": True}, "capacity", "found True"),
        ({"capacity": "many"}, "capacity", "found 'many'"),
        ({"advertise-server-urls": "localhost:2379"}, "advertise-server-urls", "wanted http(s)://host:port"),
        ({"advertise-server-urls": "http://a:99999"}, "advertise-server-urls", "wanted http(s)://host:port"),
        ({"advertise-server-urls": "http://a/b"}, "advertise-server-urls", "wanted http(s)://host:port"),
        ({"executors": []}, "executors", "wanted a comma-separated list"),
        ({"drain-timeout": "soon"}, "drain-timeout", "wanted a duration"),
        ({"log-level": "loud"}, "log-level", "wanted one of debug, info, warning, error"),
        ({"log-format": "xml"}, "log-format", "wanted one of text, json"),
        ({"client-transport-security": "yes"}, "client-transport-security", "wanted keys and values"),
        (
            {"client-transport-security": {"trusted-ca-fil": "a"}},
            "client-transport-security.trusted-ca-fil",
            "did you mean 'trusted-ca-file'?",
        ),
        ({"client-transport-security": {"cert-file": "a"}}, "client-transport-security", "go together"),
    ],
)
def test_refusals_name_the_key(file: dict[str, Setting], field: str, words: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        build({}, file)
    assert refusal.value.field == field
    assert words in refusal.value.reason


@pytest.mark.parametrize("name", ["client1.yaml", "client2.yaml"])
def test_the_shipped_configurations_are_sound(name: str) -> None:
    assert build({}, read_config(str(ROOT / "config" / name))).executors


def test_the_built_in_executors_are_those_of_the_package() -> None:
    import tomllib

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    assert {point.name: point.value for point in BUILT_IN} == listed
