"""The manifests agree with each other, with the image and with what a server answers; schemas see none of that."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

import jobpool
from jobpool.server import health
from tests.unit.deploy.deployed import (
    CERTIFICATES,
    DEPLOY,
    MANIFESTS,
    PROGRAMS,
    Document,
    documents,
    in_pod,
    manifest,
    pod_of,
    workloads,
)

WORKLOADS = workloads()
SERVERS = manifest("StatefulSet", "jobpool")
each = pytest.mark.parametrize("workload", WORKLOADS, ids=lambda one: one["metadata"]["name"])
NAMESPACE = manifest("Namespace", "jobpool")["metadata"]["name"]


def container_of(workload: Document) -> Document:
    (container,) = pod_of(workload)["containers"]
    assert isinstance(container, dict)
    return container


# ---- together


def test_kustomize_takes_every_manifest() -> None:
    kustomization = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    assert sorted(kustomization["resources"]) == [path.name for path in MANIFESTS]
    assert set(kustomization) == {"apiVersion", "kind", "resources", "images"}
    (image,) = kustomization["images"]
    for workload in WORKLOADS:
        assert container_of(workload)["image"] == f"{image['name']}:{image['newTag']}"


def test_the_image_is_of_this_version() -> None:
    images = {container_of(workload)["image"] for workload in WORKLOADS}
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert images | {one["image"] for one in compose["services"].values()} == {f"jobpool:{jobpool.__version__}"}


def test_everything_is_in_the_namespace() -> None:
    for document in documents(*MANIFESTS, CERTIFICATES):
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == NAMESPACE, document["metadata"]["name"]


def selectors(value: object) -> Iterator[Document]:
    """What stands below `matchLabels`, and the bare selectors of Services, but for labels that others give."""
    if isinstance(value, dict):
        if value.get("kind") == "Service":
            yield value["spec"]["selector"]
        if "matchLabels" in value:
            yield value["matchLabels"]
        for inner in value.values():
            yield from selectors(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from selectors(inner)


def test_selectors_find_pods() -> None:
    labels = [workload["spec"]["template"]["metadata"]["labels"] for workload in WORKLOADS]
    found = list(selectors(documents(*MANIFESTS)))
    assert len(found) > len(WORKLOADS)
    for selector in found:
        assert selector == {"jobpool-client": "true"} or any(selector.items() <= one.items() for one in labels)


def test_workloads_with_a_budget_lose_one_pod_at_a_time() -> None:
    budgets = [one["spec"] for one in documents(*MANIFESTS) if one["kind"] == "PodDisruptionBudget"]
    for workload in WORKLOADS:
        (budget,) = (one for one in budgets if one["selector"] == workload["spec"]["selector"])
        assert budget["maxUnavailable"] == 1


def test_services_and_policies_name_ports_that_are_there() -> None:
    ports = {port["name"]: port["containerPort"] for port in container_of(SERVERS)["ports"]}
    for service in (one["spec"] for one in documents(*MANIFESTS) if one["kind"] == "Service"):
        for port in service["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    rules = manifest("NetworkPolicy", "jobpool-servers")["spec"]["ingress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == set(ports.values())


def test_members_find_each_other_before_they_are_ready() -> None:
    service = manifest("Service", SERVERS["spec"]["serviceName"])["spec"]
    assert service["clusterIP"] == "None"
    assert service["publishNotReadyAddresses"] is True
    assert SERVERS["spec"]["podManagementPolicy"] == "Parallel"


# ---- pods


@each
def test_pods_fit_the_restricted_standard(workload: Document) -> None:
    assert manifest("Namespace", "jobpool")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod, container = pod_of(workload)["securityContext"], container_of(workload)["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] == pod["runAsGroup"] == pod["fsGroup"] == 10001
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@each
def test_kubernetes_gives_pods_nothing_that_looks_like_a_setting(workload: Document) -> None:
    assert pod_of(workload)["enableServiceLinks"] is False
    assert pod_of(workload)["automountServiceAccountToken"] is False


@each
def test_programs_are_started_below_the_init_of_the_image(workload: Document) -> None:
    assert "command" not in container_of(workload)
    assert container_of(workload)["args"][0] in PROGRAMS


@each
def test_volumes_are_there_and_mounted(workload: Document) -> None:
    claims = [one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])]
    volumes = [volume["name"] for volume in pod_of(workload)["volumes"]]
    assert sorted(volumes + claims) == sorted(mount["name"] for mount in container_of(workload)["volumeMounts"])


@each
def test_secrets_are_those_that_certificates_fill(workload: Document) -> None:
    made = {one["spec"]["secretName"] for one in documents(CERTIFICATES) if one["kind"] == "Certificate"}
    wanted = {volume["secret"]["secretName"] for volume in pod_of(workload)["volumes"] if "secret" in volume}
    assert wanted
    assert wanted <= made


@each
def test_certificate_files_are_in_the_mounted_secrets(workload: Document) -> None:
    secrets = {volume["name"] for volume in pod_of(workload)["volumes"] if "secret" in volume}
    mounts = {one["mountPath"] for one in container_of(workload)["volumeMounts"] if one["name"] in secrets}
    (content,) = in_pod(workload, "x").files.values()
    blocks = [block for key, block in yaml.safe_load(content).items() if key.endswith("-transport-security")]
    paths = [value for block in blocks for value in block.values() if isinstance(value, str)]
    assert {path.rpartition("/")[0] for path in paths} == mounts
    assert {path.rpartition("/")[2] for path in paths} == {"tls.crt", "tls.key", "ca.crt"}


# ---- probes


def probe_url(name: str) -> str:
    program, url = container_of(SERVERS)[name]["exec"]["command"]
    assert program == "probe"
    assert isinstance(url, str)
    return url


@pytest.mark.parametrize("name", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_ask_where_the_server_answers_in_clear(name: str) -> None:
    (content,) = in_pod(SERVERS, "x").files.values()
    parts = urlsplit(probe_url(name))
    assert parts.path in re.findall(r'Route\("(/\w+)"', Path(health.__file__).read_text())
    assert f"http://{parts.netloc}" in yaml.safe_load(content)["listen-client-urls"]
    assert container_of(SERVERS)["env"][1] == {"name": "JOBPOOLCTL_ENDPOINTS", "value": parts.netloc}


def test_only_readiness_depends_on_a_leader() -> None:
    assert urlsplit(probe_url("readinessProbe")).path == "/readyz"
    assert urlsplit(probe_url("livenessProbe")).path == "/version"
    assert urlsplit(probe_url("startupProbe")).path == "/version"
