"""Plans as documents against a real server: applied, changed, compared, pruned; and every command of the documents."""

import asyncio
import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from jobpool.declare.documents import parse_values
from tests.e2e.conftest import Site
from tests.e2e.oracle.client import Api
from tests.e2e.oracle.ctl import ctl
from tests.e2e.oracle.processes import CTL, ROOT, environment

SAMPLES = ROOT / "tests" / "unit" / "declare" / "imports"
FETCHED = re.compile(r"^ {4}((?:curl|crontab|kubectl) .*?) > (\S+)$", re.MULTILINE)
SAMPLE_OF = {
    "original.json": "original",
    "crontab.txt": "crontab",
    "cronjobs.json": "k8s-cronjob",
    "jobs.json": "dkron",
    "rows.json": "xxl-job",
}

BACKUP = 'id: backup\nexecutor: noop\nperiodic: {spec: "30 2 * * *", time_zone: Europe/Berlin}\n'
REPORT = "id: report\nexecutor: noop\npriority: 60\n"


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    directory = tmp_path / "plans"
    (directory / "deep").mkdir(parents=True)
    (directory / "backup.yaml").write_text(BACKUP)
    (directory / "deep" / "report.yml").write_text(REPORT)
    (directory / "notes.txt").write_text("no plan")
    return directory


async def test_a_directory_is_applied_changed_compared_and_pruned(site: Site, plans: Path) -> None:
    url = site.server().url
    of = ("-f", str(plans), "--owner", "me")

    await ctl(url, "diff", *of, code=1)
    assert "2 added, 0 changed, 0 deleted, 0 as they were" in await ctl(url, "apply", *of)
    assert "2 as they should be" in await ctl(url, "diff", *of)
    assert "2 as they were" in await ctl(url, "apply", *of)
    exported = plans / "exported.yaml"
    exported.write_text(await ctl(url, "export", "--owner", "me"))
    assert "2 as they should be" in await ctl(url, "diff", "-f", str(exported))
    exported.unlink()

    (plans / "backup.yaml").write_text(BACKUP.replace("30 2", "0 4"))
    (plans / "deep" / "report.yml").unlink()
    async with Api(url) as api:
        assert (await api.get("plans/backup?namespace=default"))["data"]["periodic"]["spec"] == "30 2 * * *"
        told = await ctl(url, "apply", *of, "--prune", code=128)  # nobody to ask
        assert "--yes" in told
        assert "1 changed, 1 deleted, 0 as they were" in await ctl(url, "apply", *of, "--prune", "--yes")
        assert (await api.get("plans/backup?namespace=default"))["data"]["periodic"]["spec"] == "0 4 * * *"
        assert [plan["id"] for plan in (await api.get("plans"))["data"]] == ["backup"]


async def test_a_diff_shows_fields_and_fires_of_a_real_server(site: Site, plans: Path) -> None:
    url = site.server().url
    await ctl(url, "apply", "-f", str(plans))
    (plans / "backup.yaml").write_text(BACKUP.replace("30 2", "0 4") + "status: dead\n")
    out, code = await _run(f"jobpoolctl diff -f {shlex.quote(str(plans))}", url, plans.parent)
    assert code == 1
    assert "    periodic.spec: 30 2 * * * → 0 4 * * *\n" in out
    assert re.search(r"fires before: \S+T02:30:00\+0[12]:00", out)
    assert re.search(r"fires after: \S+T04:00:00\+0[12]:00.*\(but the plan is dead, not running\)", out)
    (plans / "backup.yaml").write_text(BACKUP.replace("30 2", "61 2"))
    out, code = await _run(f"jobpoolctl diff -f {shlex.quote(str(plans))}", url, plans.parent)
    assert (code, "periodic.spec: minute" in out, "1 refused" in out) == (3, True, True)


@pytest.mark.parametrize("page", ["migrate.md", "declarative.md"])
async def test_every_command_of_the_page_works_as_printed(site: Site, tmp_path: Path, page: str) -> None:
    """What fetches from elsewhere is replaced by a sample of what it would fetch."""
    url = site.server().url
    await ctl(url, "namespace", "add", "ops")
    text = (ROOT / "docs" / page).read_text()
    assert {file for _, file in FETCHED.findall(text)} <= SAMPLE_OF.keys()
    for file, sample in SAMPLE_OF.items():
        (tmp_path / file).write_text(fetched(file, (SAMPLES / f"{sample}.txt").read_text()))
    (tmp_path / "plans").mkdir()
    for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)):
        (tmp_path / "plans" / f"{number}.yaml").write_text(block)
    commands = re.findall(r"^ {4}(jobpoolctl .*)$", text, re.MULTILINE)
    assert len(commands) > 4
    for command in commands:
        command = command.replace("/etc/crontab", str(SAMPLES / "crontab-system.txt"))
        out, code = await _run(command + (" --yes" if "--prune" in command else ""), url, tmp_path)
        assert code == 0 or (code == 1 and " diff " in command), f"{command}: {code}\n{out}"


def fetched(file: str, sample: str) -> str:
    """`kubectl -o json` answers one list."""
    if sample.startswith(("{", "[")) or not file.endswith(".json"):
        return sample
    return json.dumps({"kind": "List", "items": parse_values(sample, "sample.yaml")})


async def _run(command: str, url: str, directory: Path) -> tuple[str, int]:
    """A line of a shell: what it printed, stderr too, and its exit code."""
    tool = directory / "bin" / "jobpoolctl"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(CTL)} "$@"\n')
    tool.chmod(0o755)
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=directory,
        env=environment()
        | {
            "PATH": f"{tool.parent}:{os.environ['PATH']}",
            "JOBPOOLCTL_ENDPOINTS": url.removeprefix("http://"),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode is not None
    return out.decode(), process.returncode
