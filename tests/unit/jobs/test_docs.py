"""`docs/python.md`: its code runs, its tables name what there is."""

import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import jobpool
from jobpool.cli.deploy import deploy
from jobpool.client import Client
from jobpool.jobs import jobs_of
from jobpool.jobs.options import _READ
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb

PAGE = (Path(jobpool.__file__).parents[2] / "docs" / "python.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
MODULES = [block for block in BLOCKS if "async with Client" not in block]
CALLS = [block for block in BLOCKS if "async with Client" in block and "client.wait" not in block]


def rows(name: str) -> list[list[str]]:
    """The cells of the table after `<!-- name -->`."""
    lines = PAGE.split(f"<!-- {name} -->\n")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_option_of_a_job_is_there_with_its_field() -> None:
    told = {words(option)[0]: words(field)[0] for option, field, _ in rows("options")}
    assert told == {option: path for option, (path, _) in _READ.items()}


def test_every_option_of_deploy_is_there() -> None:
    told = {word for row in rows("deploy") for word in words(row[0])}
    own = {name for param in deploy.params for name in (*param.opts, *param.secondary_opts) if name.startswith("--")}
    assert told == own


def test_modules_have_the_jobs_that_they_show() -> None:
    ids = []
    for number, block in enumerate(MODULES):
        module = ModuleType(f"shown_{number}")
        sys.modules[module.__name__] = module
        exec(compile(block, module.__name__, "exec"), vars(module))
        app = getattr(module, "app", None) or jobpool.App("shown")
        app.include(module) if jobs_of(module) else None
        ids += [document["id"] for document in app.documents()]
    assert ids == ["nightly", "bill", "probe"]
    assert vars(sys.modules["shown_0"])["nightly"]("today") == {"orders": 3}


async def test_the_client_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The block that waits for a run is held by tests/e2e/test_deploy.py."""
    [block] = CALLS
    async with FakeApi() as api:
        answer = pb.SchedulePlanDetailResponse()
        answer.data.paused.note = "stocktaking"
        api.answers("PlanPause", answer)
        here = re.sub(r"Client\(\[[^]]*\]", f'Client(["{api.endpoint}"]', block)
        scope: dict[str, Any] = {}
        exec(f"async def shown():\n{textwrap.indent(here, '    ')}", scope)
        await scope["shown"]()
    assert capsys.readouterr().out == "stocktaking\n"


def test_every_method_that_is_named_exists() -> None:
    table = PAGE.split("| method | |")[1].split("\n\n")[0]
    for name in re.findall(r"`([a-z_]+)\(", table):
        assert callable(getattr(Client, name)), name
