"""What other schedulers had, as documents and warnings: golden files, and that the API takes every document."""

import os
from pathlib import Path

import pytest

from jobpool.declare import Document, parse_documents, survey, write_documents
from jobpool.declare.importers import IMPORTERS, Imported, ImportOptions
from jobpool.model.errors import InvalidArgument
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import world_of
from tests.unit.declare.direct import Direct

SAMPLES = Path(__file__).parent / "imports"
KINDS = {"crontab-system": ("crontab", ImportOptions(system=True))}
FILES = sorted(path.stem for path in SAMPLES.glob("*.txt"))


def imported(name: str) -> Imported:
    kind, options = KINDS.get(name, (name, ImportOptions(time_zone="Europe/Berlin")))
    return IMPORTERS[kind]((SAMPLES / f"{name}.txt").read_text(), options)


def read(kind: str, text: str, zone: str = "UTC") -> Imported:
    return IMPORTERS[kind](text, ImportOptions(time_zone=zone))


def codes(found: Imported) -> list[str]:
    return [warning.code for warning in found.warnings]


@pytest.mark.parametrize("name", FILES)
def test_documents_and_warnings_are_as_they_were(name: str) -> None:
    found = imported(name)
    told = "".join(
        f"# {warning.line} {warning.item} | {warning.field} | {warning.code} | {warning.text}\n"
        for warning in found.warnings
    )
    shown = told + write_documents(found.documents)
    path = SAMPLES / f"{name}.golden"
    if os.environ.get("REWRITE"):
        path.write_text(shown)
    assert shown == path.read_text()


def test_every_importer_has_a_sample() -> None:
    assert {KINDS.get(name, (name,))[0] for name in FILES} == set(IMPORTERS)


@pytest.mark.parametrize("name", FILES)
async def test_the_server_takes_every_document(name: str) -> None:
    async with world_of() as world:
        await world.ask("NameSpaceAdd", pb.ScheduleNameSpaceAddRequest(name="ops"))
        documents = [Document(fields, name) for fields in imported(name).documents]
        found = await survey(Direct(world), documents)
    assert [(step.plan_id, str(step.error)) for step in found.failed] == []
    assert len(found.steps) == len(documents) > 0


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_is_read_again(name: str) -> None:
    found = imported(name)
    read_again = parse_documents(write_documents(found.documents), "plans.yaml")
    assert [document.fields for document in read_again] == list(found.documents)


@pytest.mark.parametrize("kind", ["dkron", "k8s-cronjob", "original", "xxl-job"])
@pytest.mark.parametrize("text", ["[1]", '"text"', "[[]]", "{", "a: b: c"])
def test_what_is_no_record_is_refused(kind: str, text: str) -> None:
    with pytest.raises(InvalidArgument):
        read(kind, text)


@pytest.mark.parametrize("kind", ["dkron", "k8s-cronjob", "original", "xxl-job"])
@pytest.mark.parametrize("text", ["{}", "[{}]", '[{"name": 5, "schedule": [], "spec": "x", "executor_config": []}]'])
def test_records_that_say_nothing_make_no_trouble(kind: str, text: str) -> None:
    found = read(kind, text)
    assert found.documents == ()


def test_without_a_zone_one_warning_says_so() -> None:
    assert codes(read("crontab", "0 1 * * * a\n0 2 * * * b\n", zone="")) == ["no-time-zone"]
    assert codes(read("crontab", "0 1 * * * a\n", zone="Europe/Berlin")) == []


def test_the_original_without_plans_has_none() -> None:
    found = read("original", '{"header": {"cluster_id": "1"}}')
    assert (found.documents, codes(found)) == ((), ["not-imported"])


@pytest.mark.parametrize("blank", [" ", "\t", " \t "])
@pytest.mark.parametrize("when", ["25 6 * * *", "@daily", "-25 6 * * *"])
def test_any_blanks_part_a_user_from_the_command(blank: str, when: str) -> None:
    line = f"{when}{blank}www-data{blank}test -x /srv/a || /srv/b --all\n"
    found = IMPORTERS["crontab"](line, ImportOptions(time_zone="UTC", system=True))
    assert found.warnings[0].text == "ran as 'www-data', here as the user of the agent"
    assert found.documents[0]["parameters"] == {
        "command": "test -x /srv/a || /srv/b --all",
        "env": {"PATH": "/usr/bin:/bin"},
    }
    assert found.documents[0]["periodic"] == {"spec": when.removeprefix("-"), "time_zone": "UTC"}


def test_a_crontab_of_the_system_that_is_not_said_to_be_one() -> None:
    assert codes(read("crontab", "0 1 * * * root\t/srv/a\n")) == ["system"]


def test_references_in_arguments_are_expanded_as_in_kubernetes() -> None:
    args = '["$(A)", "$$(A)", "$$$(A)", "a$$b", "$(NONE)", "$A", "$"]'
    container = f"{{name: c, image: i, command: [date], args: {args}, env: [{{name: A, value: x}}]}}"
    spec = f"{{schedule: '0 1 * * *', jobTemplate: {{spec: {{template: {{spec: {{containers: [{container}]}}}}}}}}}}"
    found = read("k8s-cronjob", f"kind: CronJob\nmetadata: {{name: a}}\nspec: {spec}\n")
    assert found.documents[0]["parameters"] == {
        "command": ["date", "x", "$(A)", "$x", "a$b", "$(NONE)", "$A", "$"],
        "env": {"A": "x"},
    }
    assert codes(found) == ["env-from", "image"] or codes(found) == ["image", "env-from"]


def test_the_same_name_twice_gets_a_number() -> None:
    found = read("crontab", "0 1 * * * /bin/sync a\n0 2 * * * /bin/sync b\n")
    assert [document["id"] for document in found.documents] == ["sync", "sync-2"]


def test_six_fields_are_seconds_first_with_dkron_and_no_crontab() -> None:
    config = '"executor": "shell", "executor_config": {"command": "a"}'
    found = read("dkron", f'[{{"name": "a", "schedule": "*/15 * * * * *", {config}}}]')
    assert found.documents[0]["periodic"] == {"spec": "*/15 * * * * *", "time_zone": "UTC"}
    in_cron = read("crontab", "*/15 * * * * * echo\n").documents[0]
    assert in_cron["periodic"] == {"spec": "*/15 * * * *", "time_zone": "UTC"}
    assert in_cron["parameters"] == {"command": "* echo", "env": {"PATH": "/usr/bin:/bin"}}
