"""Where settings come from: flags over environment over file, plain keys and those of certificates."""

from collections.abc import Collection, Mapping

from msgspec import Struct

from jobpool.kit.pure.settings import BadSetting, Setting, Settings, Source, block, check_known
from jobpool.server.keys import (
    FLAG_ONLY,
    KEYS,
    REFUSED_KEYS,
    SECURITIES,
    TLS_KEYS,
    Security,
    dashed,
    refusal,
    variable,
)


class Given(Struct, frozen=True):
    """Flags by key without dashes before it; the environment; a file as YAML gives it, found at `path`."""

    flags: Mapping[str, str]
    environment: Mapping[str, str]
    file: Mapping[str, Setting]
    path: str

    def check(self) -> None:
        """Raises BadSetting for a key that nobody knows, that is refused, or that stands where it may not."""
        for key in (*REFUSED_KEYS, *FLAG_ONLY):
            if self.environment.get(variable(key)):
                raise BadSetting(key, f"{refusal(key) or FLAG_ONLY[key]} (found in {variable(key)})")
        for key in self.file:
            self._check_key(key)
        check_known(self.file, (*KEYS, *(security.block for security in SECURITIES)))
        for security in SECURITIES:
            self._check_block(security)

    @property
    def settings(self) -> Settings:
        """Every key that does not belong to certificates."""
        return Settings([*self._outside("", KEYS), Source(self.file, lambda key: self.path)])

    def of(self, security: Security) -> Settings:
        """The keys below one block, by their names there."""
        inside = Source(block(security.block, self.file), lambda key: self.path)
        return Settings([*self._outside(security.prefix, security.keys), inside])

    def called(self, security: Security, key: str) -> str:
        """What the user calls a key of a block: as in the file where the block is there, else as the flag."""
        return f"{security.block}.{key}" if self.file.get(security.block) else security.prefix + key

    def first(self, keys: Collection[str], securities: Collection[Security] = ()) -> tuple[str, str]:
        """The first of these that has a value, and where; two empty texts when none has."""
        found = ((key, self.settings.raw(key)) for key in keys)
        below = (
            (self.called(security, key), self.of(security).raw(key)) for security in securities for key in security.keys
        )
        for key, (value, place) in (*found, *below):
            if value is not None:
                return key, place
        return "", ""

    def _outside(self, prefix: str, keys: Collection[str]) -> tuple[Source, Source]:
        """Flags and environment, of keys that have this prefix there."""
        flags = {key: self.flags[prefix + key] for key in keys if prefix + key in self.flags}
        names = {key: variable(prefix + key) for key in keys}
        spoken = {key: self.environment[name] for key, name in names.items() if name in self.environment}
        return Source(flags, lambda key: f"--{prefix}{key}"), Source(spoken, lambda key: names[key])

    def _check_key(self, key: str) -> None:
        if reason := refusal(dashed(key)):
            raise BadSetting(key, reason)
        if key in FLAG_ONLY:
            raise BadSetting(key, FLAG_ONLY[key])
        for security in SECURITIES:
            if key in security.flags:
                raise BadSetting(key, f"belongs below {security.block!r} in a configuration file")
        if dashed(key) != key and dashed(key) in (*KEYS, *TLS_KEYS):
            raise BadSetting(key, f"unknown key; did you mean {dashed(key)!r}?")

    def _check_block(self, security: Security) -> None:
        below = block(security.block, self.file)
        for key in below:
            if reason := refusal(security.prefix + key) or refusal(key) * (key not in security.keys):
                raise BadSetting(f"{security.block}.{key}", reason)
        check_known(below, security.keys, below=f"{security.block}.")
