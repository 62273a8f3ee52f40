"""The agent's configuration: one frozen value, built and validated once from flags, environment and a YAML file."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import yaml
from msgspec import Struct

from jobpool.kit.pure.durations import Millis, parse_duration
from jobpool.model.errors import InvalidArgument

Setting: TypeAlias = str | int | bool | list["Setting"] | dict[str, "Setting"] | None
"""What a YAML file can hold."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")


class TlsConfig(Struct, frozen=True):
    """Files for `https` servers, which are always verified; without `trusted_ca_file` by the system's roots."""

    cert_file: str = ""
    key_file: str = ""
    trusted_ca_file: str = ""


class AgentConfig(Struct, frozen=True, kw_only=True):
    """`capacity`: runs at once, 1 to 100,000. `drain_timeout` in milliseconds. `data_dir` must survive restarts."""

    name: str
    data_dir: Path
    server_urls: tuple[str, ...] = ("http://127.0.0.1:2379",)
    data_center: str = "default"
    capacity: int = 256
    executors: tuple[str, ...] = ("rest", "noop")
    drain_timeout: Millis = 60_000
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
_TLS_KEYS = ("cert-file", "key-file", "trusted-ca-file", "client-cert-file", "client-key-file", "client-cert-auth")


def build(given: Mapping[str, str], file: Mapping[str, Setting]) -> AgentConfig:
    """A configuration from what flags and environment gave (already joined) over what the file says.

    Raises InvalidArgument naming the key.
    """
    _known(file, (*KEYS, "client-transport-security"), where="")
    values: dict[str, Setting] = {key: file[key] for key in KEYS if file.get(key) is not None}
    values.update({key: text for key, text in given.items() if text != ""})
    name = _name(values.get("name", "agent-1"))
    return AgentConfig(
        name=name,
        data_dir=Path(_text("data-dir", values.get("data-dir", f"{name}.jobpool-agent"))),
        server_urls=_urls(values.get("advertise-server-urls", "http://127.0.0.1:2379")),
        data_center=_text("data-center", values.get("data-center", "default")),
        capacity=_whole("capacity", values.get("capacity", 256), low=1, high=100_000),
        executors=_words("executors", values.get("executors", "rest,noop")),
        drain_timeout=_span("drain-timeout", values.get("drain-timeout", "60s")),
        tls=_tls(file.get("client-transport-security")),
        log_level=_choice("log-level", values.get("log-level", "info"), LOG_LEVELS),
        log_format=_choice("log-format", values.get("log-format", "text"), LOG_FORMATS),
    )


def read_file(path: Path) -> dict[str, Setting]:
    """The top-level keys of a YAML file. Raises InvalidArgument when it cannot be read or is no mapping."""
    try:
        loaded: Setting = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except OSError as error:
        raise InvalidArgument("config-file", f"cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise InvalidArgument("config-file", f"{path} is not YAML: {error}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise InvalidArgument("config-file", f"wanted keys and values in {path}, found {type(loaded).__name__}")
    return {str(key): value for key, value in loaded.items()}


def _known(given: Mapping[str, Setting], keys: tuple[str, ...], *, where: str) -> None:
    for key in given:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are: {', '.join(keys)}"
            raise InvalidArgument(where + key, f"unknown key{hint}")


def _name(value: Setting) -> str:
    text = _text("name", value)
    if not _NAME.fullmatch(text):
        raise InvalidArgument("name", f"wanted up to 128 letters, digits, '.', '_' or '-', found {text[:40]!r}")
    return text


def _text(key: str, value: Setting) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgument(key, f"wanted a text, found {value!r}")
    return value.strip()


def _words(key: str, value: Setting) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else str(value).split(",")
    words = tuple(dict.fromkeys(_text(key, part) for part in parts if part != ""))
    if not words:
        raise InvalidArgument(key, f"wanted a comma-separated list, found {value!r}")
    return words


def _urls(value: Setting) -> tuple[str, ...]:
    urls = _words("advertise-server-urls", value)
    for url in urls:
        try:
            parts = urlsplit(url)
            sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            sound = False
        if not sound or parts.path not in ("", "/") or parts.query or parts.username:
            raise InvalidArgument("advertise-server-urls", f"wanted http(s)://host:port, found {url!r}")
    return urls


def _whole(key: str, value: Setting, *, low: int, high: int) -> int:
    try:
        number = int(str(value)) if not isinstance(value, bool) else low - 1
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise InvalidArgument(key, f"wanted a whole number from {low} to {high}, found {value!r}")
    return number


def _span(key: str, value: Setting) -> Millis:
    try:
        return parse_duration(_text(key, str(value)))
    except ValueError as error:
        raise InvalidArgument(key, str(error)) from error


def _choice(key: str, value: Setting, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise InvalidArgument(key, f"wanted one of {', '.join(choices)}, found {value!r}")
    return str(value)


def _tls(value: Setting) -> TlsConfig:
    """The `client-*` files of the original's configurations come before the plain ones, which a server may share."""
    if value is None:
        return TlsConfig()
    where = "client-transport-security"
    if not isinstance(value, dict):
        raise InvalidArgument(where, f"wanted keys and values, found {value!r}")
    _known(value, _TLS_KEYS, where=where + ".")
    files = {key: _text(f"{where}.{key}", value[key]) for key in _TLS_KEYS[:5] if value.get(key) not in (None, "")}
    cert, key = (files.get(f"client-{kind}-file", files.get(f"{kind}-file", "")) for kind in ("cert", "key"))
    if bool(cert) != bool(key):
        raise InvalidArgument(where, "cert-file and key-file go together; one of them is missing")
    return TlsConfig(cert, key, files.get("trusted-ca-file", ""))
