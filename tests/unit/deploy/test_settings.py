"""The programs take the settings that containers are given, and understand by them what is meant."""

from urllib.parse import urlsplit

import click
import pytest
import yaml

from jobpool.agent import config as agent_config
from jobpool.agent.config import AgentConfig
from jobpool.cli.agent import agent as agent_command
from jobpool.cli.server_flags import CONFIG_FILE, NAMES
from jobpool.etcd.config import MemberConfig, members_of
from jobpool.kit.pure.durations import SECOND
from jobpool.kit.pure.settings import Setting
from jobpool.server.config import ServerConfig
from jobpool.server.keys import KEYS, TLS_KEYS, variable
from jobpool.server.load import load
from tests.unit.deploy.deployed import CERTIFICATES, Started, documents, in_compose, in_pod, manifest, pod_of

SERVERS = manifest("StatefulSet", "jobpool")
AGENTS = manifest("Deployment", "jobpool-agent")
PODS = [f"jobpool-{at}" for at in range(SERVERS["spec"]["replicas"])]
COMPOSE = in_compose()
FLUSH = 10 * SECOND
"""An agent that has drained reports, within 5 s; then its process ends."""


def host(url: str) -> str:
    return urlsplit(url).hostname or ""


def file_of(started: Started, flags: dict[str, str]) -> tuple[dict[str, Setting], str]:
    path = flags.pop(CONFIG_FILE, "")
    content: dict[str, Setting] = yaml.safe_load(started.files[path]) if path else {}
    return content, path


def server_of(started: Started) -> ServerConfig:
    """What `jobpool` would make of it."""
    assert started.words[0] == "jobpool"
    flags = started.flags
    assert set(flags) <= set(NAMES)
    spoken = {name for name in started.environment if name.startswith("JOBPOOL_SERVER_")}
    assert spoken <= {variable(key) for key in (*KEYS, *TLS_KEYS)}  # an unknown variable is nobody's, and no error
    file, path = file_of(started, flags)
    return load(flags, started.environment, file, path=path)


def agent_of(started: Started) -> AgentConfig:
    """What `jobpool_agent agent` would make of it."""
    assert started.words[:2] == ["jobpool_agent", "agent"]
    flags = started.flags
    options = {name for option in agent_command.params if isinstance(option, click.Option) for name in option.opts}
    assert {f"--{name}" for name in flags} <= options
    spoken = {name: value for name, value in started.environment.items() if name.startswith("JOBPOOL_")}
    by_variable = {agent_config.variable(key): key for key in agent_config.KEYS}
    file, _ = file_of(started, flags)
    return agent_config.build({by_variable[name]: value for name, value in spoken.items()} | flags, file)


def member_of(config: ServerConfig) -> MemberConfig:
    assert isinstance(config.etcd, MemberConfig)
    return config.etcd


# ---- Kubernetes


def dns_name(pod: str) -> str:
    namespace, service = SERVERS["metadata"]["namespace"], SERVERS["spec"]["serviceName"]
    return f"{pod}.{service}.{namespace}.svc"


def service_names() -> set[str]:
    """Under which clients call any server."""
    service = manifest("Service", "jobpool")["metadata"]
    name, namespace = service["name"], service["namespace"]
    return {name, f"{name}.{namespace}", f"{name}.{namespace}.svc"}


@pytest.mark.parametrize("pod", PODS)
def test_a_server_of_the_stateful_set_is_a_member_under_its_own_name(pod: str) -> None:
    config = server_of(in_pod(SERVERS, pod))
    member = member_of(config)
    assert config.name == member.name == pod
    members = members_of(member.cluster)
    assert set(members) == set(PODS)
    assert all([host(url) for url in urls] == [dns_name(name)] for name, urls in members.items())
    assert list(member.advertised) == members[pod]
    assert [host(url) for url in config.advertised] == [dns_name(pod)]


@pytest.mark.parametrize("pod", PODS)
def test_a_server_speaks_in_clear_to_its_own_pod_only(pod: str) -> None:
    config = server_of(in_pod(SERVERS, pod))
    member = member_of(config)
    in_clear = [url for url in config.listen_client_urls if url.startswith("http:")]
    assert [host(url) for url in in_clear] == ["127.0.0.1"]
    assert config.tls.client_cert_auth
    assert member.peer_tls.client_cert_auth
    assert {urlsplit(url).scheme for url in (*config.advertised, *member.advertised)} == {"https"}
    assert {urlsplit(url).scheme for url in member.listen_peer_urls} == {"https"}
    assert config.tls.trusted_ca_file != member.peer_tls.trusted_ca_file  # a client's certificate opens no peer port


def test_servers_answer_to_their_names() -> None:
    config = server_of(in_pod(SERVERS, PODS[0]))
    assert set(config.host_whitelist) == service_names() | {dns_name(pod) for pod in PODS}


def test_data_are_on_the_volume() -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in pod_of(SERVERS)["containers"][0]["volumeMounts"]}
    (claim,) = SERVERS["spec"]["volumeClaimTemplates"]
    assert server_of(in_pod(SERVERS, PODS[0])).directory.startswith(mounts[claim["metadata"]["name"]] + "/")
    mounts = {mount["name"]: mount["mountPath"] for mount in pod_of(AGENTS)["containers"][0]["volumeMounts"]}
    assert str(agent_of(in_pod(AGENTS, "jobpool-agent-x")).data_dir).startswith(mounts["data"] + "/")


def test_agents_know_every_server_by_name() -> None:
    agent = agent_of(in_pod(AGENTS, "jobpool-agent-7d9c-x2k"))
    assert agent.name == "jobpool-agent-7d9c-x2k"
    ports = {urlsplit(url).port for url in server_of(in_pod(SERVERS, PODS[0])).advertised}
    assert {urlsplit(url).port for url in agent.server_urls} == ports
    assert [host(url) for url in agent.server_urls] == [dns_name(pod) for pod in PODS]
    assert agent.tls.trusted_ca_file
    assert agent.tls.cert_file


def test_agents_may_finish_what_they_drain() -> None:
    grace = pod_of(AGENTS)["terminationGracePeriodSeconds"] * SECOND
    assert grace >= agent_of(in_pod(AGENTS, "x")).drain_timeout + FLUSH


def certificates() -> dict[str, list[str]]:
    """Names in certificates, by Secret."""
    found = [one for one in documents(CERTIFICATES) if one["kind"] == "Certificate"]
    return {one["spec"]["secretName"]: one["spec"].get("dnsNames", []) for one in found}


def test_certificates_are_for_the_names_that_are_called() -> None:
    names = certificates()
    called = {dns_name(pod) for pod in PODS}
    assert set(names["jobpool-server-tls"]) == called | service_names() | {"localhost"}
    assert set(names["jobpool-peer-tls"]) == called


def test_peers_have_an_authority_of_their_own() -> None:
    found = documents(CERTIFICATES)
    issuers = {one["metadata"]["name"]: one["spec"] for one in found if one["kind"] == "Issuer"}
    used: dict[str, str] = {}
    for certificate in (one["spec"] for one in found if one["kind"] == "Certificate"):
        issuer = issuers[certificate["issuerRef"]["name"]]
        assert ("selfSigned" in issuer) == certificate.get("isCA", False)
        if "ca" in issuer:
            used[certificate["secretName"]] = issuer["ca"]["secretName"]
            assert issuer["ca"]["secretName"] in certificates()
    assert used["jobpool-server-tls"] == used["jobpool-agent-tls"] != used["jobpool-peer-tls"]


# ---- Compose


def test_the_servers_of_the_compose_file_form_one_cluster() -> None:
    servers = {name: server_of(one) for name, one in COMPOSE.items() if name.startswith("server")}
    assert len(servers) == 3
    for name, config in servers.items():
        member = member_of(config)
        members = members_of(member.cluster)
        assert set(members) == set(servers)
        assert config.name == name
        assert list(member.advertised) == members[name]
        assert [host(url) for url in (*config.advertised, *member.advertised)] == [name, name]
        assert config.directory.startswith("/var/lib/jobpool/")


def test_the_agents_of_the_compose_file_know_every_server() -> None:
    agents = {name: agent_of(one) for name, one in COMPOSE.items() if name.startswith("agent")}
    assert set(COMPOSE) == {"server1", "server2", "server3", *agents}
    for name, config in agents.items():
        assert config.name == name
        assert [host(url) for url in config.server_urls] == ["server1", "server2", "server3"]
        assert str(config.data_dir).startswith("/var/lib/jobpool/")
