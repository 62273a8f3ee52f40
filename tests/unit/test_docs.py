"""The documents agree with the code: their names exist, no name of the code is missing, what they state holds."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pytest
from google.protobuf.message import Message

import jobpool
from jobpool.agent import config as agent_config
from jobpool.api.plan_requests import add_patch, update_patch
from jobpool.api.rest_routes import RouteTable
from jobpool.api.service import METHODS
from jobpool.cli import agent as agent_program
from jobpool.cli.ctl import root
from jobpool.cli.ctl_plan_file import read_documents
from jobpool.cli.server_flags import FLAGS
from jobpool.declare.requests import add_request
from jobpool.kit.pure.settings import parse_yaml
from jobpool.leader import SERVICES
from jobpool.model import transitions
from jobpool.model.errors import HTTP_STATUS, Code, InvalidArgument
from jobpool.model.parameters import NoopParameters, RestParameters, ShellParameters
from jobpool.model.parameters.python import PYTHON_KEYS
from jobpool.model.reasons import Reason
from jobpool.server.keys import KEYS, TLS_KEYS
from jobpool.server.load import load
from jobpool.store.commands.plan_rules import blank_plan, check_plan
from jobpool.store.keyspace import FOLDERS
from jobpool.timetable import ScheduleOptions, parse, ticks
from jobpool.wire import jobpool_pb2 as pb

ROOT = Path(jobpool.__file__).parents[2]
SOURCE = ROOT / "src" / "jobpool"
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
FENCE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
LONGEST_YEARS = timedelta(days=3650)


def text(page: str) -> str:
    return (DOCS / page).read_text()


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text())


def table(page: str, name: str) -> list[list[str]]:
    """The rows of the table after the comment `<!-- name -->`, or below the heading `## name`."""
    for mark in (f"<!-- {name} -->\n", f"## {name}\n"):
        if mark in text(page):
            break
    lines = text(page).split(mark, 1)[1].splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def words(cell: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def first_words(rows: Sequence[Sequence[str]]) -> list[str]:
    """What the first column names."""
    return [word for row in rows for word in words(row[0])]


# ---- links and texts


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(prose(path)):
        if link.startswith(("https://", "http://")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [
            (page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(prose(page)) if "://" not in link
        ]
    assert {page for page in PAGES if page.parent.name != "examples"} - seen <= {
        DOCS / "invariants.md",
        DOCS / "performance.md",
    }


def test_no_decision_is_missing_from_the_list() -> None:
    listed = (DOCS / "decisions" / "README.md").read_text()
    for path in (DOCS / "decisions").glob("0*.md"):
        title = path.read_text().splitlines()[0].removeprefix("# ")
        assert f"* [{title}]({path.name})" in listed


# ---- statuses


def diagrams() -> dict[str, str]:
    return dict(
        re.findall(
            r"<!-- transitions: (\w+) -->\n```mermaid\nstateDiagram-v2\n(.*?)```", text("concepts.md"), re.DOTALL
        )
    )


def test_every_transition_table_is_drawn() -> None:
    assert set(diagrams()) == {name for name in vars(transitions) if name.isupper() and not name.startswith("_")}


@pytest.mark.parametrize("name", ["JOB", "PLAN", "EVALUATION", "ALLOCATION", "NODE"])
def test_diagrams_agree_with_the_transitions(name: str) -> None:
    allowed: dict[StrEnum, frozenset[StrEnum]] = getattr(transitions, name)
    drawn = {tuple(line.strip().split(" --> ")) for line in diagrams()[name].splitlines() if line.strip()}
    edges = {(str(before), str(after)) for before, successors in allowed.items() for after in successors}
    ends = {(str(status), "[*]") for status, successors in allowed.items() if not successors}
    assert {edge for edge in drawn if edge[0] != "[*]"} == edges | ends
    assert {after for before, after in drawn if before == "[*]"} <= {str(status) for status in allowed}


def test_every_job_status_and_reason_is_explained() -> None:
    statuses = {str(status) for status in transitions.JOB}
    assert set(first_words(table("concepts.md", "job statuses"))) == statuses
    rows = table("concepts.md", "reasons")
    assert set(first_words(rows)) == {reason.value for reason in Reason if reason.value}
    assert {status for row in rows for status in row[1].split(", ")} <= statuses


# ---- plans


PARTS: dict[str, type[Message]] = {
    "periodic": pb.PeriodicConfig,
    "catch_up": pb.CatchUp,
    "retry": pb.Retry,
    "dst": pb.Dst,
}


def fields_of(message: type[Message]) -> list[str]:
    return [field.name for field in message.DESCRIPTOR.fields]


def test_every_field_of_a_plan_is_in_the_reference() -> None:
    documented = first_words(table("plan-reference.md", "Fields"))
    ours = fields_of(pb.SchedulePlanAddRequest)
    inner = [f"{part}.{field}" for part, message in PARTS.items() for field in fields_of(message)]
    assert sorted(documented) == sorted([*ours, *inner])
    added = first_words(table("plan-reference.md", "What the server adds"))
    assert set(added) == set(fields_of(pb.Plan)) - set(ours)


def test_what_can_be_cleared_is_listed() -> None:
    listed = text("plan-reference.md").split("What can be cleared:")[1].split("\n\n")[0]
    with pytest.raises(InvalidArgument) as refusal:
        update_patch(pb.SchedulePlanUpdateRequest(clear=["nothing"]))
    assert refusal.value.reason.split("known are ")[1] == ", ".join(sorted(words(listed)))


def plan_blocks() -> list[tuple[str, str]]:
    blocks = [
        (path.name, block)
        for path in PAGES
        for block in re.findall(r"^```yaml\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)
        if block.startswith("id:")
    ]
    return blocks + [(path.name, path.read_text()) for path in sorted((ROOT / "examples").rglob("*.yaml"))]


@pytest.mark.parametrize(("page", "block"), plan_blocks(), ids=lambda value: value[:24].splitlines()[0])
def test_plans_in_the_documents_are_accepted(page: str, block: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(block)
    for document in read_documents(str(file)):
        request = add_request(document.fields, pending=False)
        check_plan(add_patch(request).on(blank_plan("default", request.id, version=1, now=0)))


@pytest.mark.parametrize("row", table("schedules.md", "ticks"), ids=lambda row: row[1])
def test_schedules_fire_as_the_document_says(row: list[str]) -> None:
    zone, spec, after, fires = row
    options = ScheduleOptions(time_zone=zone)
    start = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    wanted = [datetime.fromisoformat(f"{fire.strip()}+00:00") for fire in fires.split(",")]
    found = ticks(
        parse(words(spec)[0], options),
        after=int(start.timestamp()) * 1000,
        until=int((start + LONGEST_YEARS).timestamp()) * 1000,
        limit=len(wanted),
    )
    assert found == [int(instant.timestamp()) * 1000 for instant in wanted]


@pytest.mark.parametrize(
    ("executor", "parameters"), [("rest", RestParameters), ("shell", ShellParameters), ("noop", NoopParameters)]
)
def test_every_parameter_is_documented(executor: str, parameters: type[RestParameters]) -> None:
    documented = first_words(table("executors.md", f"parameters: {executor}"))
    assert sorted(documented) == sorted(parameters.__struct_fields__)


def test_every_parameter_of_a_function_is_documented() -> None:
    assert first_words(table("executors.md", "parameters: python")) == list(PYTHON_KEYS)


# ---- configuration


def test_every_key_of_the_server_is_documented_with_its_default() -> None:
    parts = [table("configuration.md", f"keys: {part}") for part in ("server", "member", "external")]
    rows = {words(row[0])[0]: (words(row[1]) or [row[1]])[0] for part in parts for row in part}
    assert set(rows) == {"config-file", *KEYS, *TLS_KEYS}
    for name, _, help_text in FLAGS:
        told = re.search(r"\[default: (.*)\]$", help_text)
        assert rows[name] == (told[1] if told else "none"), name


def configurations() -> Iterator[tuple[str, str]]:
    """The servers' configuration files in the repository, and those in its documents."""
    for path in sorted((ROOT / "config").glob("server*.yaml")):
        yield path.name, path.read_text()
    for page in PAGES:
        for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
            if "listen-client-urls:" in block:
                yield page.name, block


@pytest.mark.parametrize(("place", "content"), [*configurations()], ids=lambda value: value[:24].splitlines()[0])
def test_configurations_in_the_documents_are_accepted(place: str, content: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret")
    settings = parse_yaml(content.encode(), place)
    if "etcd-password-file" in settings:
        settings["etcd-password-file"] = str(tmp_path / "password")
    load({}, {}, settings, path=place)


def test_every_key_of_the_agent_is_documented_with_its_default() -> None:
    rows = {words(row[0])[0]: (words(row[1]) or [row[1]])[0] for row in table("configuration.md", "keys: agent")}
    command = agent_program.agent
    told = {
        option.name.replace("_", "-"): option.help or ""
        for option in command.params
        if isinstance(option, click.Option) and option.name
    }
    assert set(rows) == set(told) == {"config-file", *agent_config.KEYS}
    for name, help_text in told.items():
        default = re.search(r"[\[(]default:? ([^\]);]*)", help_text)
        assert rows[name] == (default[1] if default else "none"), name


# ---- surfaces


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from leaves(inner, (*path, name))
    else:
        yield " ".join(path)


def test_every_command_is_documented() -> None:
    documented = [re.sub(r" [A-Z]+", "", word) for word in first_words(table("cli.md", "commands: jobpoolctl"))]
    assert sorted(documented) == sorted(leaves(root))


def test_every_served_route_is_documented() -> None:
    tables = (SOURCE / "api" / "handlers.py").read_text() + (SOURCE / "api" / "operations.py").read_text()
    served = re.findall(r'^ {8,12}"(\w+)": (?!originals\.)', tables, re.MULTILINE)
    served = [call for call in served if call not in ("JobLogsFollow", "SnapshotSave")]  # by gRPC only
    rows = table("api.md", "routes")
    assert [row[0] for row in rows if row[0] not in METHODS] == []
    assert sorted(row[0] for row in rows) == sorted(served)
    routes = RouteTable()
    for call, told, _ in rows:
        verb, path = words(told)[0].split()
        route = routes.find(verb, [re.sub(r"\{\w+\}", "x", part) for part in path.removeprefix("/").split("/")])
        assert route is not None
        assert route.rpc == call


def test_error_codes_are_those_of_the_tree() -> None:
    for code, status, _ in table("api.md", "Errors"):
        number, name = code.split()
        assert Code(int(number)) is Code[name]
        assert HTTP_STATUS[Code[name]] == int(status)


def test_events_of_trouble_are_logged_somewhere() -> None:
    logged = {event for path in SOURCE.rglob("*.py") for event in re.findall(r'event_name="(\w+)"', path.read_text())}
    told = first_words(table("operations.md", "events"))
    assert [event for event in told if event not in logged] == []
    assert len(told) == len(set(told))


def test_every_metric_is_documented() -> None:
    source = (SOURCE / "server" / "metrics.py").read_text()
    made = re.findall(r'(Histogram|GaugeMetricFamily|CounterMetricFamily)\(\s*"(\w+)"', source)
    kinds = {"Histogram": "histogram", "GaugeMetricFamily": "gauge", "CounterMetricFamily": "counter"}
    wanted = {name + "_total" * (kind == "CounterMetricFamily"): kinds[kind] for kind, name in made}
    assert {words(row[0])[0]: row[1] for row in table("operations.md", "metrics")} == wanted
    named = {word for path in PAGES for word in re.findall(r"\bjobpool_[a-z_]+\b", path.read_text())}
    assert named - {"jobpool_agent", "jobpool_sqlite", "jobpool_pb2"} <= set(wanted)


# ---- architecture and dependencies


def test_the_duties_are_listed_in_start_order() -> None:
    assert first_words(table("architecture.md", "duties")) == [duty.__name__ for duty in SERVICES]


def test_every_package_is_listed() -> None:
    there = {
        path.stem
        for path in SOURCE.iterdir()
        if path.name[0] != "_" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert set(first_words(table("architecture.md", "packages"))) == there


def test_every_folder_of_the_key_space_is_listed() -> None:
    rows = first_words(table("architecture.md", "What is stored"))
    assert {word.partition("/")[0] + "/" for word in rows if "/" in word} == set(FOLDERS.values())


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["speed"]]
    for group in project["dependency-groups"].values():
        needed += group
    names = {re.split(r"[^A-Za-z0-9-]", need)[0] for need in needed}
    sections = ("At run time", "For tests", "For linting and generating")
    listed = {word for section in sections for word in first_words(table("dependencies.md", section))}
    assert listed | {"uvloop"} == names
    assert "`uvloop`" in text("dependencies.md")
