"""The agent's configuration: one frozen value, built and validated once from flags, environment and a YAML file."""

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from jobpool.kit.effects.logging import FORMATS, LEVELS
from jobpool.kit.pure.durations import Millis
from jobpool.kit.pure.settings import BadSetting, Setting, Settings, Source, block, check_known, split_url
from jobpool.model.errors import InvalidArgument

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class TlsConfig(Struct, frozen=True):
    """Files for `https` servers, which are always verified; without `trusted_ca_file` by the system's roots."""

    cert_file: str = ""
    key_file: str = ""
    trusted_ca_file: str = ""


class AgentConfig(Struct, frozen=True, kw_only=True):
    """`capacity`: runs at once, 1 to 32,768. `drain_timeout` in milliseconds. `data_dir` must survive restarts.

    `lease`: milliseconds that commands outlive an agent that is dead or stands still. Not a key: long enough for any
    restart, and what waits for such an agent waits as long.
    """

    name: str
    data_dir: Path
    server_urls: tuple[str, ...] = ("http://127.0.0.1:2379",)
    data_center: str = "default"
    capacity: int = 256
    executors: tuple[str, ...] = ("rest", "noop")
    drain_timeout: Millis = 60_000
    lease: Millis = 60_000
    tls: TlsConfig = TlsConfig()
    log_level: str = "info"
    log_format: str = "text"


KEYS = (
    "name",
    "data-dir",
    "advertise-server-urls",
    "data-center",
    "capacity",
    "executors",
    "drain-timeout",
    "log-level",
    "log-format",
)
_SECURITY = "client-transport-security"
_TLS_KEYS = ("cert-file", "key-file", "trusted-ca-file", "client-cert-file", "client-key-file", "client-cert-auth")


def variable(key: str) -> str:
    """`data-dir` → `JOBPOOL_DATA_DIR`."""
    return "JOBPOOL_" + key.replace("-", "_").upper()


def build(given: Mapping[str, str], file: Mapping[str, Setting]) -> AgentConfig:
    """A configuration from what flags and environment gave (already joined) over what the file says.

    Raises InvalidArgument naming the key.
    """
    try:
        return _build(given, file)
    except BadSetting as error:
        raise InvalidArgument(error.key, error.reason) from error


def _build(given: Mapping[str, str], file: Mapping[str, Setting]) -> AgentConfig:
    check_known(file, (*KEYS, _SECURITY))
    settings = Settings([Source(given), Source(file, lambda key: "the configuration file")])
    name = _name(settings)
    return AgentConfig(
        name=name,
        data_dir=Path(settings.text("data-dir", f"{name}.jobpool-agent")),
        server_urls=_urls(settings),
        data_center=settings.text("data-center", "default"),
        capacity=settings.whole("capacity", 256, low=1, high=32_768),
        executors=settings.words("executors", ("rest", "noop")),
        drain_timeout=settings.span("drain-timeout", 60_000),
        tls=_tls(block(_SECURITY, file)),
        log_level=settings.choice("log-level", "info", LEVELS),
        log_format=settings.choice("log-format", "text", FORMATS),
    )


def _name(settings: Settings) -> str:
    name = settings.text("name", "agent-1")
    if not _NAME.fullmatch(name):
        raise settings.refuse("name", "up to 128 letters, digits, '.', '_' or '-'")
    return name


def _urls(settings: Settings) -> tuple[str, ...]:
    key = "advertise-server-urls"
    urls = settings.words(key, ("http://127.0.0.1:2379",))
    if any((parts := split_url(url)) is None or parts.port == 0 for url in urls):
        raise settings.refuse(key, "http(s)://host:port, with commas between")
    return urls


def _tls(given: Mapping[str, Setting]) -> TlsConfig:
    """The `client-*` files of the original's configurations come before the plain ones, which a server may share."""
    check_known(given, _TLS_KEYS, below=f"{_SECURITY}.")
    settings = Settings([Source(given, lambda key: "the configuration file")])
    cert, key = (settings.text(f"client-{kind}-file", settings.text(f"{kind}-file", "")) for kind in ("cert", "key"))
    if bool(cert) != bool(key):
        raise BadSetting(_SECURITY, "cert-file and key-file go together; one of them is missing")
    return TlsConfig(cert, key, settings.text("trusted-ca-file", ""))
