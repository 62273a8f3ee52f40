"""`apply`, `diff`, `export` and `import`: what they print, ask and refuse, and how they end."""

import json
from pathlib import Path

import pytest

from jobpool.model.errors import InvalidArgument, NotFound, RevisionMismatch
from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli.harness import Ctl

PLAN = "id: a\nexecutor: noop\n"
MISSING = NotFound("plan", "default/a", field="id")


def stored(**fields: object) -> pb.Plan:
    given = {"id": "a", "name": "a", "namespace": "default", "type": "service", "status": "running", "revision": 7}
    return pb.Plan(**(given | fields))  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "plans.yaml"
    path.write_text(PLAN)
    return str(path)


def is_there(api: FakeApi, before: pb.Plan, after: pb.Plan) -> None:
    api.answers("PlanDetail", pb.SchedulePlanDetailResponse(data=before))
    api.answers("PlanUpdate", pb.SchedulePlanUpdateResponse(data=after))


async def test_a_difference(run: Ctl, api: FakeApi, file: str) -> None:
    is_there(api, stored(priority=50, timeout="1h"), stored(priority=60, timeout="1h", owner="me"))
    outcome = await run("diff", "-f", file)
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out == (
        f"~ plan default/a ({file}, line 1)\n"
        "    priority: 50 → 60\n"
        "    owner: me\n"
        "0 to add, 1 to change, 0 to delete, 0 as they should be\n"
    )
    (asked,) = api.received("PlanUpdate")
    assert isinstance(asked, pb.SchedulePlanUpdateRequest)
    assert (asked.dry_run, asked.revision, list(asked.clear)) == (True, 7, ["*"])


async def test_no_difference(run: Ctl, api: FakeApi, file: str) -> None:
    is_there(api, stored(), stored())
    outcome = await run("diff", "-f", file)
    assert (outcome.code, outcome.out) == (0, "0 to add, 0 to change, 0 to delete, 1 as they should be\n")


async def test_fires_before_and_after(run: Ctl, api: FakeApi, tmp_path: Path) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(PLAN + 'periodic: {spec: "0 4 * * *"}\n')
    old, new = (pb.PeriodicConfig(spec=f"0 {hour} * * *", time_zone="UTC", enabled=True) for hour in (3, 4))
    is_there(api, stored(periodic=old), stored(periodic=new))
    ticks = [pb.PreviewTick(local="2026-01-01T03:00:00+00:00"), pb.PreviewTick(local="2026-03-29T03:00:00", dst="gap")]
    api.answers("PlanPreview", pb.PlanPreviewResponse(data=ticks), pb.PlanPreviewResponse(data=ticks[:1]))
    outcome = await run("diff", "-f", str(file))
    assert outcome.out.splitlines()[1:4] == [
        "    periodic.spec: 0 3 * * * → 0 4 * * *",
        "    fires before: 2026-01-01T03:00:00+00:00, 2026-03-29T03:00:00 (gap)",
        "    fires after: 2026-01-01T03:00:00+00:00",
    ]
    first, second = api.received("PlanPreview")
    assert isinstance(first, pb.PlanPreviewRequest)
    assert isinstance(second, pb.PlanPreviewRequest)
    assert (first.HasField("plan"), second.plan.periodic.spec) == (False, "0 4 * * *")


async def test_a_plan_that_would_be_refused(run: Ctl, api: FakeApi, file: str) -> None:
    api.answers("PlanDetail", MISSING)
    api.answers("PlanAdd", InvalidArgument("parameters", "wanted a JSON object, found nothing"))
    outcome = await run("diff", "-f", file)
    assert outcome.code == 3
    assert outcome.err == f"Error: default/a ({file}, line 1): parameters: wanted a JSON object, found nothing\n"
    assert outcome.out == "0 to add, 0 to change, 0 to delete, 0 as they should be, 1 refused\n"


async def test_a_plan_is_added(run: Ctl, api: FakeApi, file: str) -> None:
    api.answers("PlanDetail", MISSING)
    api.answers("PlanAdd", pb.SchedulePlanAddResponse(data=stored()))
    outcome = await run("apply", "-f", file)
    assert outcome.out == "plan default/a added\n1 added, 0 changed, 0 deleted, 0 as they were\n"
    dry, real = api.received("PlanAdd")
    assert isinstance(dry, pb.SchedulePlanAddRequest)
    assert isinstance(real, pb.SchedulePlanAddRequest)
    assert (dry.dry_run, real.dry_run, real.status, outcome.code) == (True, False, "running", 0)


async def test_a_plan_that_changed_meanwhile(run: Ctl, api: FakeApi, file: str) -> None:
    api.answers("PlanDetail", pb.SchedulePlanDetailResponse(data=stored()))
    changed = RevisionMismatch("plan", "default/a", wanted=7, found=8)
    api.answers("PlanUpdate", pb.SchedulePlanUpdateResponse(data=stored(owner="me")), changed)
    outcome = await run("apply", "-f", file)
    assert outcome.code == 1
    assert "default/a" in outcome.err
    assert "changed meanwhile" in outcome.err
    assert outcome.out == "0 added, 0 changed, 0 deleted, 0 as they were, 1 failed\n"


async def test_deleting_asks_and_without_a_terminal_refuses(run: Ctl, api: FakeApi, file: str) -> None:
    is_there(api, stored(owner="me"), stored(owner="me"))
    api.answers("PlanList", pb.SchedulePlanListResponse(data=[stored(owner="me"), stored(id="old", owner="me")]))
    api.answers("PlanOffline", pb.SchedulePlanDetailResponse(data=stored(revision=9)))
    outcome = await run("apply", "-f", file, "--owner", "me", "--prune")
    assert (outcome.code, "- plan default/old" in outcome.err, "--yes" in outcome.err) == (128, True, True)
    assert api.received("PlanDelete") == []
    outcome = await run("apply", "-f", file, "--owner", "me", "--prune", "--yes")
    assert outcome.out == "plan default/old deleted\n0 added, 0 changed, 1 deleted, 1 as they were\n"
    (offline,), (deleted,) = api.received("PlanOffline"), api.received("PlanDelete")
    assert isinstance(offline, pb.SchedulePlanOfflineRequest)
    assert isinstance(deleted, pb.SchedulePlanDeleteRequest)
    assert (offline.revision, deleted.revision) == (7, 9)


async def test_for_programs(run: Ctl, api: FakeApi, file: str) -> None:
    is_there(api, stored(priority=50), stored(priority=60))
    outcome = await run("apply", "-f", file, "-w", "json")
    change = {"field": "priority", "before": "50", "after": "60"}
    step = {"action": "update", "namespace": "default", "id": "a", "source": f"{file}, line 1", "changes": [change]}
    assert json.loads(outcome.out) == [step | {"done": True}]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("apply",), 128, "-f"),
        (("diff", "-f", "/nowhere"), 3, "cannot read /nowhere"),
        (("apply", "-f", "{tmp}"), 3, "there is no .yaml, .yml, .json in"),
        (("apply", "-f", "{file}", "-f", "{file}"), 3, "is there twice"),
        (("apply", "-f", "{file}", "--prune"), 3, "whose plans"),
        (("diff", "-f", "{file}", "-w", "protobuf"), 4, "simple or json"),
        (("export", "-w", "table"), 4, "simple or json"),
        (("import", "crontab"), 128, "FILE"),
        (("import", "at", "{file}"), 128, "crontab"),
        (("import", "crontab", "/nowhere"), 3, "cannot read"),
        (("import", "crontab", "{file}", "--tz", "Europe/Berlinn"), 128, "did you mean Europe/Berlin"),
        (("import", "dkron", "{file}", "--system"), 128, "--system"),
        (("import", "crontab", "{file}", "--owner", "me"), 128, "--apply"),
    ],
)
async def test_what_makes_no_sense(
    run: Ctl, api: FakeApi, file: str, tmp_path: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    (tmp_path / "empty").mkdir()
    given = [word.format(file=file, tmp=tmp_path / "empty") for word in words]
    outcome = await run(*given)
    assert (outcome.code, outcome.out) == (code, "")
    assert told in outcome.err
    assert api.requests == []


async def test_a_directory_is_read_whole_but_for_hidden_files(run: Ctl, api: FakeApi, tmp_path: Path) -> None:
    for name, plan_id in {"b.yml": "b", "deep/c.json": "c", ".git/d.yaml": "d", "a.yaml": "a", "e.txt": "e"}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"id": plan_id, "executor": "noop"}))
    api.answers("PlanDetail", MISSING)
    await run("diff", "-f", str(tmp_path))
    assert [request.id for request in api.received("PlanDetail")] == ["a", "b", "c"]  # type: ignore[attr-defined]


async def test_exported_plans_are_documents(run: Ctl, api: FakeApi) -> None:
    periodic = pb.PeriodicConfig(spec="*/5 * * * *", time_zone="UTC", enabled=True)
    plans = [
        stored(id="b", executor="noop", priority=50, paused=pb.Paused(by="x")),
        stored(executor="shell", priority=50, parameters='{"command": "a"}', periodic=periodic),
    ]
    page = pb.SchedulePlanListResponse(data=plans[:1])
    setattr(page, "continue", "more")
    api.answers("PlanList", page, pb.SchedulePlanListResponse(data=plans[1:]))
    outcome = await run("export")
    assert outcome.code == 0
    assert outcome.err == "Warning: plan default/b is paused; a document does not say so\n"
    assert outcome.out.split("---\n")[1:] == [
        "id: a\nnamespace: default\nexecutor: shell\nparameters:\n  command: a\n"
        "periodic:\n  spec: '*/5 * * * *'\n  time_zone: UTC\n",
        "id: b\nnamespace: default\nname: a\nexecutor: noop\n",
    ]
    assert (await run("export", "zz")).code == 1


async def test_a_namespace_that_does_not_exist_is_no_empty_export(run: Ctl, api: FakeApi) -> None:
    api.answers("NameSpaceDetail", NotFound("namespace", "opps", field="name"))
    outcome = await run("export", "--ns", "opps")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("Error: namespace: namespace 'opps' does not exist\n")


async def test_an_import_prints_documents_and_warnings(run: Ctl, api: FakeApi) -> None:
    text = b"0 1 * * * backup\n@reboot start\n"
    outcome = await run("import", "crontab", "-", "--tz", "UTC", stdin=text)
    assert (outcome.code, outcome.out.splitlines()[:2]) == (0, ["---", "id: backup"])
    assert outcome.err == (
        "Warning: -:2: schedule: nothing here runs when a machine starts; left out: 'start' [reboot]\n"
    )
    strict = await run("import", "crontab", "-", "--tz", "UTC", "--strict", stdin=text)
    assert (strict.code, strict.out) == (1, "")
    assert (await run("import", "crontab", "-", "--tz", "UTC", "--strict", stdin=text[:17])).code == 0
    assert api.requests == []


async def test_a_file_that_begins_with_a_byte_order_mark(run: Ctl, api: FakeApi, tmp_path: Path) -> None:
    file = tmp_path / "crontab.txt"
    file.write_bytes(b"\xef\xbb\xbf0 1 * * * /srv/a\r\n")
    outcome = await run("import", "crontab", str(file), "--tz", "UTC")
    assert (outcome.code, outcome.err) == (0, "")
    assert "  spec: 0 1 * * *\n" in outcome.out


async def test_an_import_is_applied(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanDetail", MISSING)
    words = ("import", "crontab", "-", "--tz", "UTC", "--apply", "--ns", "ops", "--owner", "me")
    outcome = await run(*words, stdin=b"0 1 * * * backup\n")
    assert outcome.out == "plan ops/backup added\n1 added, 0 changed, 0 deleted, 0 as they were\n"
    added = api.received("PlanAdd")[-1]
    assert isinstance(added, pb.SchedulePlanAddRequest)
    assert (added.namespace, added.owner, added.periodic.spec, added.executor) == ("ops", "me", "0 1 * * *", "shell")
