"""Whatever a text holds, an importer answers with documents and warnings, or says that it cannot read it."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobpool.declare import parse_documents, write_documents
from jobpool.declare.importers import IMPORTERS, ImportOptions
from jobpool.model.errors import InvalidArgument

NAMES = [
    "id",
    "name",
    "data",
    "items",
    "kind",
    "metadata",
    "spec",
    "schedule",
    "timezone",
    "timeZone",
    "executor",
    "executor_config",
    "command",
    "shell",
    "env",
    "cwd",
    "timeout",
    "tags",
    "concurrency",
    "retries",
    "jobTemplate",
    "template",
    "containers",
    "args",
    "backoffLimit",
    "suspend",
    "scheduleType",
    "scheduleConf",
    "glueType",
    "glueSource",
    "executorParam",
    "triggerStatus",
    "periodic",
    "parameters",
    "status",
    "stop",
    "priority",
    "time_zone",
    "headers",
    "expectCode",
]
WORDS = (
    "",
    "a",
    "@every 1h",
    "@every x",
    "@daily",
    "@reboot",
    "0 0 * * *",
    "0 0 0 ? * 6L",
    "* *",
    "*/2 * * * * 7",
    "~ * * * *",
    "TZ=",
    "CRON_TZ=UTC @daily",
    "CronJob",
    "shell",
    "http",
    "BEAN",
    "GLUE_SHELL",
    "CRON",
    "FIX_RATE",
    "-1",
    "1e9",
    "true",
    "Europe/Berlin",
    "nowhere",
    "'",
    "%",
    "[1]",
    "{}",
)
scalars = st.sampled_from(WORDS) | st.integers(-5, 10**15) | st.booleans() | st.none() | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)
lines = st.lists(
    st.sampled_from([*WORDS, "* * * * * a%b", "A=1", "SHELL = /bin/zsh", "# c", "5/7 1-2 * * mon x"]), max_size=6
)


def checked(kind: str, text: str, options: ImportOptions) -> None:
    try:
        found = IMPORTERS[kind](text, options)
    except InvalidArgument:
        return
    if found.documents:
        read = parse_documents(write_documents(found.documents), "plans.yaml")
        assert [document.fields for document in read] == [dict(document) for document in found.documents]
    ids = [(document.get("namespace"), document["id"]) for document in found.documents]
    assert len(set(ids)) == len(ids)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(IMPORTERS)), st.lists(values, max_size=3) | values)
def test_records(kind: str, value: list[Any] | Mapping[str, Any]) -> None:
    checked(kind, json.dumps(value), ImportOptions())


@settings(max_examples=200, deadline=None)
@given(lines, st.booleans(), st.sampled_from(["", "Europe/Berlin"]))
def test_crontabs(text: list[str], system: bool, zone: str) -> None:
    checked("crontab", "\n".join(text), ImportOptions(system=system, time_zone=zone))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(IMPORTERS)), st.text(max_size=60))
def test_any_text(kind: str, text: str) -> None:
    checked(kind, text, ImportOptions())
