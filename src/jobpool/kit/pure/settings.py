"""Settings of a program: by key, from several sources (flags, environment, a file), where the first that has it wins.

Every refusal names the key, what was wanted, what was found and where it came from.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import yaml
from msgspec import Struct

from jobpool.kit.pure.durations import Millis, format_duration, parse_duration

Setting: TypeAlias = str | int | float | bool | list["Setting"] | dict[str, "Setting"] | None
"""What YAML can hold."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_TRUTH = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


class BadSetting(ValueError):
    """`key` as the user writes it; `reason` says what was wanted, found, and where."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


class Source(Struct, frozen=True):
    """One place that settings come from; `name_of` tells how a key is called there, for messages (empty: say none)."""

    values: Mapping[str, Setting]
    name_of: Callable[[str], str] = lambda key: ""


class Settings:
    """Typed reads over sources in order of precedence. An absent key, a null and an empty text give the default."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def raw(self, key: str) -> tuple[Setting, str]:
        """The value and what its source calls it; (None, "") when no source has it."""
        for source in self._sources:
            value = source.values.get(key)
            if value is not None and value != "":
                return value, source.name_of(key)
        return None, ""

    def refuse(self, key: str, wanted: str) -> BadSetting:
        return BadSetting(key, f"wanted {wanted}, found {shown(self.raw(key)[0])}{self._place(key)}")

    def _place(self, key: str) -> str:
        place = self.raw(key)[1]
        return f" in {place}" if place else ""

    def text(self, key: str, default: str) -> str:
        value, _ = self.raw(key)
        if value is None:
            return default
        if isinstance(value, bool | list | dict) or not str(value).strip() or not str(value).isprintable():
            raise self.refuse(key, "a text")
        return str(value).strip()

    def choice(self, key: str, default: str, choices: Collection[str]) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise self.refuse(key, f"one of {', '.join(choices)}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value, _ = self.raw(key)
        if value is None:
            return default
        truth = _TRUTH.get(str(value).lower())
        if truth is None:
            raise self.refuse(key, "true or false")
        return truth

    def whole(self, key: str, default: int, *, low: int, high: int) -> int:
        value, _ = self.raw(key)
        if value is None:
            return default
        number = _whole(value)
        if number is None or not low <= number <= high:
            raise self.refuse(key, f"a whole number from {low} to {high}")
        return number

    def span(self, key: str, default: Millis, *, low: Millis = 0) -> Millis:
        """Milliseconds of a duration as people write it."""
        value, _ = self.raw(key)
        if value is None:
            return default
        try:
            span = parse_duration(str(value).strip())
        except ValueError as error:
            raise BadSetting(key, f"{error}{self._place(key)}") from None
        if span < low:
            raise self.refuse(key, f"a duration of at least {format_duration(low)}")
        return span

    def words(self, key: str, default: tuple[str, ...], *, least: int = 1) -> tuple[str, ...]:
        """A list, or texts with commas between; each once, and at least so many."""
        value, _ = self.raw(key)
        if value is None:
            return default
        parts = value if isinstance(value, list) else str(value).split(",")
        words = tuple(dict.fromkeys(part.strip() for part in parts if isinstance(part, str) and part.strip()))
        if len(words) < least or any(not isinstance(part, str) for part in parts):
            raise self.refuse(key, "a comma-separated list")
        return words


def block(key: str, file: Mapping[str, Setting]) -> Mapping[str, Setting]:
    """The keys and values below `key`; none when it is absent."""
    value = file.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadSetting(key, f"wanted keys and values below it, found {shown(value)}")
    return {str(name): item for name, item in value.items()}


def check_known(given: Collection[str], known: Collection[str], *, below: str = "") -> None:
    """Raises BadSetting for the first key that is not known, with the nearest one that is."""
    for key in given:
        if key not in known:
            near = get_close_matches(key.lower().replace("_", "-"), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"
            raise BadSetting(below + key, f"unknown key; {hint}")


def split_url(url: str) -> SplitResult | None:
    """The parts of `http(s)://host:port`; None for anything else. Without a port `.port` is None."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    plain = parts.path in ("", "/") and not parts.query and not parts.fragment and parts.username is None
    sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (port is None or port >= 0)
    return parts if plain and sound and url.isprintable() else None


def parse_yaml(content: bytes, name: str) -> dict[str, Setting]:
    """The top-level keys of a YAML document called `name`. Raises BadSetting when it is none, or no mapping."""
    try:
        loaded: Setting = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = " ".join(str(error).replace('in "<byte string>", ', "at ").split())
        raise BadSetting("config-file", f"{name} is not YAML: {told}") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise BadSetting("config-file", f"wanted keys and values in {name}, found {type(loaded).__name__}")
    return {str(key): value for key, value in loaded.items()}


def shown(value: Setting) -> str:
    """The value for a message: short, and a text in quotes."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _whole(value: Setting) -> int | None:
    if isinstance(value, bool | float | list | dict):
        return None
    text = str(value).strip()
    return int(text) if _WHOLE.fullmatch(text) else None
