"""Certificates of authorities that exist for one test."""

import subprocess
from pathlib import Path
from shutil import which

import pytest


class Authority:
    """Certificates of one authority, as files."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        folder.mkdir(exist_ok=True)
        if which("openssl") is None:
            pytest.skip("openssl is missing: TLS stays untested")
        self._run(
            "req", "-x509", *self._fresh(f"{name}.key"), "-out", f"{name}.pem", "-subj", f"/CN={name}", "-days", "9"
        )
        self.pem = folder / f"{name}.pem"

    def issue(
        self, name: str, *, names: str = "IP:127.0.0.1,DNS:localhost", days: int = 9, usage: str = ""
    ) -> tuple[Path, Path]:
        """Certificate and key of the name, for 127.0.0.1, in the authority's folder; -1 days: it has expired."""
        key, request, cert = f"{name}.key", f"{name}.csr", f"{name}.pem"
        self._run("req", *self._fresh(key), "-out", request, "-subj", f"/CN={name}")
        extensions = f"subjectAltName={names}\n" + (f"extendedKeyUsage={usage}\n" if usage else "")
        (self._folder / "san").write_text(extensions)
        signer = ("-CA", f"{self._name}.pem", "-CAkey", f"{self._name}.key", "-CAcreateserial")
        self._run("x509", "-req", "-in", request, *signer, "-out", cert, "-days", str(days), "-extfile", "san")
        return self._folder / cert, self._folder / key

    def _fresh(self, key: str) -> tuple[str, ...]:
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key)

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)
