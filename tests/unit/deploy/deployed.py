"""Reads what `deploy/` ships: manifests, the compose file, and the settings that each container would be given."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml")
CERTIFICATES = DEPLOY / "kubernetes" / "cert-manager" / "certificates.yaml"
COMPOSE = DEPLOY / "compose.yaml"
PROGRAMS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"])

Document = dict[str, Any]


class _Strict(yaml.SafeLoader):
    """Refuses what the API server refuses and PyYAML passes over: a key that stands twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}{node.start_mark}"
        return super().construct_mapping(node, deep)


def documents(*paths: Path) -> list[Document]:
    return [document for path in paths for document in yaml.load_all(path.read_text(), _Strict)]


def manifest(kind: str, name: str) -> Document:
    found = [one for one in documents(*MANIFESTS) if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, (kind, name)
    return found[0]


def workloads() -> list[Document]:
    return [one for one in documents(*MANIFESTS) if "template" in one.get("spec", {})]


def pod_of(workload: Document) -> Document:
    pod: Document = workload["spec"]["template"]["spec"]
    return pod


class Started(Struct, frozen=True):
    """A program in a container: its words, its environment, and the files that are put in its place."""

    words: list[str]
    environment: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def flags(self) -> dict[str, str]:
        """By name without dashes; every one is written `--name=value`."""
        given = [word for word in self.words if word.startswith("-")]
        assert all(word.startswith("--") and "=" in word for word in given), given
        return dict(word.removeprefix("--").split("=", 1) for word in given)


def in_pod(workload: Document, pod_name: str) -> Started:
    """The only container of a pod of that name, as the kubelet would start it."""
    (container,) = pod_of(workload)["containers"]
    known = {one["name"]: one.get("value", pod_name) for one in container["env"]}
    words = list(container["args"])
    for name, value in known.items():
        words = [word.replace(f"$({name})", value) for word in words]
    assert not [word for word in words if "$(" in word], "a variable that is not there stays as it is written"
    return Started(words, known, dict(_mounted(pod_of(workload), container)))


def _mounted(pod: Document, container: Document) -> Iterator[tuple[str, str]]:
    """The files of ConfigMaps, by path."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        if "configMap" in volumes.get(mount["name"], {}):
            data = manifest("ConfigMap", volumes[mount["name"]]["configMap"]["name"])["data"]
            yield mount["mountPath"], data[mount["subPath"]]


def in_compose() -> dict[str, Started]:
    """By service."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    return {name: Started(one["command"], one["environment"], {}) for name, one in services.items()}
