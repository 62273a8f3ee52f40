"""What `deploy/` ships is what Kubernetes, Docker and Compose take, by checkers that bring their schemas along."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from kubernetes_validate import (  # type: ignore[import-untyped]
    SchemaNotFoundError,
    ValidationError,
    validate,
)

from tests.unit.deploy.deployed import COMPOSE, DEPLOY, MANIFESTS, Document, documents, manifest

VERSIONS = ("1.32", "1.37")
"""Of Kubernetes: the oldest and the newest that the manifests are for."""


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A checker that is installed beside this Python."""
    path = Path(sys.executable).with_name(program)
    return subprocess.run([path, *arguments], capture_output=True, text=True, timeout=60, check=False)


# ---- Kubernetes


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_manifests_fit_the_schemas(path: Path, version: str) -> None:
    for document in documents(path):
        assert validate(document, version, strict=True) == version


def pod(document: Document) -> Document:
    spec: Document = document["spec"]["template"]["spec"]
    return spec


PLANTED: dict[str, Callable[[Document], object]] = {
    "an unknown field": lambda document: pod(document)["containers"][0].update(readynessProbe={}),
    "an unknown field deep inside": lambda document: pod(document)["securityContext"].update(runAsNonroot=True),
    "a field of another place": lambda document: pod(document).update(replicas=3),
    "a text for a number": lambda document: document["spec"].update(replicas="3"),
    "a number for a text": lambda document: pod(document)["containers"][0].update(args=[1]),
    "a required field left out": lambda document: document["spec"].pop("selector"),
}


@pytest.mark.parametrize("mistake", PLANTED)
@pytest.mark.parametrize(("kind", "name"), [("StatefulSet", "jobpool"), ("Deployment", "jobpool-agent")])
def test_a_mistake_is_found(kind: str, name: str, mistake: str) -> None:
    document = manifest(kind, name)
    PLANTED[mistake](document)
    with pytest.raises(ValidationError):
        validate(document, VERSIONS[-1], strict=True)


def test_a_version_of_the_api_that_is_gone_is_found() -> None:
    budget = manifest("PodDisruptionBudget", "jobpool") | {"apiVersion": "policy/v1beta1"}
    with pytest.raises(SchemaNotFoundError):
        validate(budget, VERSIONS[-1], strict=True)


# ---- Docker


def test_the_dockerfile_has_no_fault() -> None:
    found = run("hadolint", "--no-color", DEPLOY / "Dockerfile")
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("FROM python:3.11-slim\nCMD jobpool\n", "DL3025"),
        ("FROM python:latest\n", "DL3007"),
        ("FROM python:3.11-slim\nRUNN true\n", "Dockerfile:2:4"),
    ],
)
def test_a_fault_of_a_dockerfile_is_found(tmp_path: Path, mistake: str, told: str) -> None:
    (tmp_path / "Dockerfile").write_text(mistake)
    found = run("hadolint", "--no-color", tmp_path / "Dockerfile")
    assert found.returncode != 0
    assert told in found.stdout + found.stderr


# ---- Compose


def check_compose(path: Path) -> subprocess.CompletedProcess[str]:
    return run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)


def test_the_compose_file_fits_its_schema() -> None:
    found = check_compose(COMPOSE)
    assert found.returncode == 0, found.stdout


def test_a_mistake_in_a_compose_file_is_found(tmp_path: Path) -> None:
    compose = yaml.safe_load(COMPOSE.read_text())
    compose["services"]["server1"]["port"] = compose["services"]["server1"].pop("ports")
    path = tmp_path / "compose.yaml"
    path.write_text(yaml.safe_dump(compose))
    found = check_compose(path)
    assert found.returncode == 1
    assert "port" in found.stdout
