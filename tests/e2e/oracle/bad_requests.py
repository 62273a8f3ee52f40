"""Requests that must be refused: what is sent, with which status, and which field the refusal names."""

from typing import Any

from msgspec import Struct

PLAN: dict[str, Any] = {
    "id": "fresh",
    "name": "fresh",
    "type": "service",
    "namespace": "default",
    "executor": "noop",
    "periodic": {"spec": "0 3 * * *", "time_zone": "UTC"},
}
"""Sound; each refusal changes one thing of it."""
LONG = "a" * 129
DEEP = 100_000
NAN = float("nan")


class Bad(Struct, frozen=True):
    """`field` as the refusal's details name it; empty = the refusal is of the whole request.

    `rpc` and `body` say the same thing to gRPC, where that is possible.
    """

    method: str
    path: str
    field: str
    status: int = 400
    body: Any = None
    raw: bytes | None = None
    headers: dict[str, str] = {}
    rpc: str = ""


def plan(field: str, code: int = 400, /, **change: Any) -> Bad:
    body = {key: value for key, value in {**PLAN, **change}.items() if value is not None}
    return Bad("POST", "plans", field, code, body, rpc="PlanAdd")


def spec(text: str) -> Bad:
    return plan("periodic.spec", periodic={"spec": text, "time_zone": "UTC"})


def zone(text: str) -> Bad:
    return plan("periodic.time_zone", periodic={"spec": "0 3 * * *", "time_zone": text})


def times(field: str, **times: str) -> Bad:
    return plan(field, periodic={"spec": "0 3 * * *", "time_zone": "UTC", **times})


def work(executor: str, parameters: str, field: str) -> Bad:
    return plan(field, executor=executor, parameters=parameters)


def get(path: str, field: str, status: int = 400) -> Bad:
    return Bad("GET", path, field, status)


def post(path: str, field: str, code: int = 400, /, *, rpc: str = "", **body: Any) -> Bad:
    return Bad("POST", path, field, code, body, rpc=rpc)


def raw(text: bytes, field: str, status: int = 400, **headers: str) -> Bad:
    named = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Bad("POST", "plans", field, status, raw=text, headers=named)


IDS = {
    f"a plan id: {name}": plan("id", id=text)
    for name, text in {
        "separator": "a/b",
        "blank": "a b",
        "parent": "../x",
        "hidden": ".hidden",
        "NUL": "a\0b",
        "line feed": "a\n",
        "umlaut": "ü",
        "full width": "\uff41",
        "right to left": "a\u202eb",
        "Kelvin": "\u212aelvin",
        "combining": "a\u0301",
        "Arabic digit": "\u0661",
        "zero width": "a\u200b",
        "long": LONG,
        "very long": "a" * 100_000,
        "percent": "%2f",
    }.items()
}
NAMESPACES = {
    "no namespace": plan("namespace", namespace=""),
    "a namespace in capitals": plan("namespace", namespace="Default"),
    "a namespace that starts with a digit": plan("namespace", namespace="1st"),
    "a namespace with a dash": plan("namespace", namespace="a-b"),
    "a namespace with a separator": plan("namespace", namespace="de/fault"),
    "a namespace with a NUL": plan("namespace", namespace="default\0"),
    "a long namespace": plan("namespace", namespace=LONG),
    "an unknown namespace": plan("namespace", 404, namespace="nowhere"),
    "a new namespace with a bad name": post("namespaces", "name", name="Bad Name", rpc="NameSpaceAdd"),
    "a new namespace without a name": post("namespaces", "name", name="", rpc="NameSpaceAdd"),
    "a negative limit": post(
        "namespaces", "job_parallelism_limit", name="n", job_parallelism_limit=-1, rpc="NameSpaceAdd"
    ),
    "a huge limit": post(
        "namespaces", "job_parallelism_limit", name="n", job_parallelism_limit=2_000_000_000, rpc="NameSpaceAdd"
    ),
    "a limit beyond its type": post("namespaces", "job_parallelism_limit", name="n", job_parallelism_limit=2**40),
    "a bad when_full": post("namespaces", "when_full", name="n", when_full="maybe", rpc="NameSpaceAdd"),
    "a namespace's bad zone": post("namespaces", "default_time_zone", name="n", default_time_zone="Mars/Olympus"),
    "a namespace's zone that is a path": post("namespaces", "default_time_zone", name="n", default_time_zone="../x"),
    "a namespace that is there": post("namespaces", "name", 409, name="default", rpc="NameSpaceAdd"),
    "a rename of nothing": post("namespaces/newer", "old_name", 404, old_name="nowhere"),
    "settings of an unknown namespace": post("namespaces/nowhere", "name", 404, when_full="wait"),
    "a deletion of an unknown namespace": Bad("DELETE", "namespaces/nowhere", "name", 404),
}
SCHEDULES = {
    **{
        f"a schedule: {text[:20]!r}": spec(text)
        for text in (
            "61 * * * *",
            "* * *",
            "nonsense",
            "* * * * * * * *",
            "*/0 * * * *",
            "@never",
            "@every",
            "@every 0s",
            "@every -1s",
            "0 24 * * *",
            "5-1 * * *",
            "* * * 13 *",
            "0 0 * * MONDAYISH",
            "* * * * *\0",
            "\u0661 * * * *",
            "1," * 50_000 + "1 * * * *",
        )
    },
    **{
        f"a zone: {text[:20]!r}": zone(text)
        for text in ("Mars/Olympus", "../../etc/passwd", "/etc/localtime", "UTC\0", "Europe/berlin ", "x" * 10_000)
    },
    "a periodic block without a schedule": plan("periodic.spec", periodic={"time_zone": "UTC"}),
    "end before start": times("periodic.end_time", start_time="2026-01-02T00:00:00Z", end_time="2026-01-01T00:00:00Z"),
    "a start that is no time": times("periodic.start_time", start_time="yesterday"),
    "a start in a 13th month": times("periodic.start_time", start_time="2026-13-01T00:00:00Z"),
    "a start without an offset": times("periodic.start_time", start_time="2026-01-01T00:00:00"),
    "a start in the year 0": times("periodic.start_time", start_time="0000-01-01T00:00:00Z"),
    "an end in the year 10000": times("periodic.end_time", end_time="10000-01-01T00:00:00Z"),
    "a contradiction": plan(
        "overlap",
        overlap="allow",
        periodic={"spec": "0 3 * * *", "time_zone": "UTC", "prohibit_overlap": True},
    ),
}
FIELDS = {
    "no name": plan("name", name=""),
    "a long name": plan("name", name="n" * 257),
    "a name with a bell": plan("name", name="ding\a"),
    "a long description": plan("description", description="d" * 5000),
    "no type": plan("type", type=""),
    "a type that is not there": plan("type", type="batch"),
    "a status that is not there": plan("status", status="flying"),
    "a priority above 200": plan("priority", priority=201),
    "a huge priority": plan("priority", priority=2**64 - 1),
    "a negative priority": plan("priority", priority=-1),
    "a priority beyond its type": plan("priority", priority=2**70),
    "a priority of 5000 digits": raw(b'{"priority": ' + b"9" * 5000 + b"}", "priority"),
    "a timeout without a unit": plan("timeout", timeout="5"),
    "a timeout that is a word": plan("timeout", timeout="soon"),
    "a negative timeout": plan("timeout", timeout="-5s"),
    "a timeout of half a second": plan("timeout", timeout="500ms"),
    "a timeout of ages": plan("timeout", timeout="99999999999999999999d"),
    "a timeout in Arabic": plan("timeout", timeout="\u0661s"),
    "an overlap that is not there": plan("overlap", overlap="maybe"),
    "a delivery that is not there": plan("delivery", delivery="exactly-once"),
    "a match that is not there": plan("match", match="some"),
    "a strategy that is not there": plan("strategy", strategy="psychic"),
    "an executor with a separator": plan("executor", executor="a/b"),
    "a catch-up that is not there": plan("catch_up.mode", catch_up={"mode": "some"}),
    "a bad window": plan("catch_up.window", catch_up={"mode": "all", "window": "wide"}),
    "a window of a thousand years": plan("catch_up.window", catch_up={"mode": "all", "window": "365000d"}),
    "no catch-up runs": plan("catch_up.max_runs", catch_up={"mode": "all", "max_runs": 0}),
    "too many catch-up runs": plan("catch_up.max_runs", catch_up={"mode": "all", "max_runs": 2**31 - 1}),
    "a negative rate": plan("catch_up.rate_per_minute", catch_up={"mode": "all", "rate_per_minute": -1}),
    "negative retries": plan("retry.attempts", retry={"attempts": -1}),
    "too many retries": plan("retry.attempts", retry={"attempts": 101}),
    "a bad backoff": plan("retry.backoff", retry={"attempts": 1, "backoff": "x"}),
    "a retry on nothing known": plan("retry.on", retry={"attempts": 1, "on": ["weather"]}),
    "a dst gap that is not there": plan("dst.gap", dst={"gap": "wide"}),
    "a dst overlap that is not there": plan("dst.overlap", dst={"overlap": "third"}),
    "an id that is taken": plan("id", 409, id="victim"),
}
PARAMETERS = {
    "rest without parameters": work("rest", "", "parameters"),
    "rest without url": work("rest", "{}", "parameters.url"),
    "rest to a file": work("rest", '{"url": "file:///etc/passwd"}', "parameters.url"),
    "rest to nowhere": work("rest", '{"url": "http://"}', "parameters.url"),
    "rest with a line feed": work("rest", '{"url": "http://h/\\nx"}', "parameters.url"),
    "rest with a method that is not there": work("rest", '{"url": "http://h", "method": "brew"}', "parameters.method"),
    "rest with a number as url": work("rest", '{"url": 5}', "parameters.url"),
    "rest with a split header": work(
        "rest", '{"url": "http://h", "headers": {"X": "a\\r\\nY: b"}}', "parameters.headers.X"
    ),
    "rest with our own header": work(
        "rest", '{"url": "http://h", "headers": {"X-Jobpool-Fence": "1"}}', "parameters.headers.X-Jobpool-Fence"
    ),
    "rest with a status that is none": work(
        "rest", '{"url": "http://h", "expected_status": [999]}', "parameters.expected_status"
    ),
    "rest with an unknown key": work("rest", '{"url": "http://h", "verb": "get"}', "parameters.verb"),
    "rest with a lone surrogate": work("rest", '{"url": "http://h", "body": "\\ud800"}', "parameters"),
    "shell without a command": work("shell", "{}", "parameters.command"),
    "shell with an empty command": work("shell", '{"command": []}', "parameters.command"),
    "shell with a NUL": work("shell", '{"command": "a\\u0000b"}', "parameters.command"),
    "shell in a relative directory": work("shell", '{"command": "x", "cwd": "here"}', "parameters.cwd"),
    "shell with a bad variable": work("shell", '{"command": "x", "env": {"A=B": "c"}}', "parameters.env"),
    "shell with a number as variable": work("shell", '{"command": "x", "env": {"A": 1}}', "parameters.env.A"),
    "shell with our own variable": work(
        "shell", '{"command": "x", "env": {"JOBPOOL_FENCE": "1"}}', "parameters.env.JOBPOOL_FENCE"
    ),
    "noop with a bad sleep": work("noop", '{"sleep": "-1s"}', "parameters.sleep"),
    "noop with an unknown key": work("noop", '{"slep": "1s"}', "parameters.slep"),
    "parameters that are no JSON": work("noop", "{", "parameters"),
    "parameters that are a list": work("noop", "[]", "parameters"),
    "parameters with NaN": work("noop", '{"sleep": NaN}', "parameters"),
    "parameters with a key twice": work("noop", '{"fail": true, "fail": false}', "parameters"),
    "parameters nested deeply": work("other", '{"a":' * 10_000 + "1" + "}" * 10_000, "parameters"),
    "parameters of a megabyte": work("noop", '{"result": "' + "x" * 1_000_000 + '"}', "parameters"),
    "a number of 5000 digits": work("other", '{"a": ' + "9" * 5000 + "}", "parameters"),
}
TYPES = {
    "an unknown field": plan("colour", colour="red"),
    "an unknown field inside": plan("periodic.when", periodic={"spec": "@daily", "when": 1}),
    "a number as name": plan("name", name=5),
    "a word as priority": plan("priority", priority="high"),
    "a fraction as priority": plan("priority", priority=1.5),
    "a word as block": plan("periodic", periodic="daily"),
    "a list as block": plan("retry", retry=[]),
    "a word as list": plan("retry.on", retry={"on": "failure"}),
    "a number in a list of words": plan("retry.on[0]", retry={"on": [1]}),
    "a word as flag": plan("synchronous", synchronous="yes"),
    "an object as time": plan("periodic.start_time", periodic={"spec": "@daily", "start_time": {}}),
    "a number as parameters": plan("parameters", parameters=5),
    "an object as parameters": plan("parameters", parameters={"sleep": "1s"}),
    "a lone surrogate": raw(b'{"name": "\\ud800"}', "name"),
}
BODIES = {
    "an empty body": raw(b"", "namespace"),
    "no JSON": raw(b"name=x", "body"),
    "half a body": raw(b'{"name": "x"', "body"),
    "more than a body": raw(b"{} {}", "body"),
    "a list": raw(b"[]", "body"),
    "a word": raw(b'"x"', "body"),
    "null": raw(b"null", "body"),
    "NaN": raw(b'{"priority": NaN}', "body"),
    "infinity": raw(b'{"priority": -Infinity}', "body"),
    "an exponent": raw(b'{"priority": 1e999}', "priority"),
    "a key twice": raw(b'{"name": "a", "name": "b"}', "name"),
    "a key in both spellings": raw(b'{"catch_up": {"max_runs": 1, "maxRuns": 2}}', "catch_up.max_runs"),
    "bytes that are no UTF-8": raw(b'{"name": "\xff"}', "body"),
    "UTF-16": raw('{"name": "x"}'.encode("utf-16"), "body"),
    "objects nested deeply": raw(b'{"periodic":' * DEEP + b"1" + b"}" * DEEP, "body"),
    "arrays nested deeply": raw(b"[" * DEEP, "body"),
    "10 MB": raw(b'{"description": "' + b"x" * 10_000_000 + b'"}', "body", 413),
    "a form": raw(b"{}", "", 415, Content_Type="application/x-www-form-urlencoded"),
    "plain text": raw(b"{}", "", 415, Content_Type="text/plain"),
    "gzip": raw(b"{}", "", 415, Content_Encoding="gzip"),
    "a foreign Host": raw(b"{}", "", 421, Host="evil.example"),
    "a foreign Origin": raw(b"{}", "", 403, Origin="http://evil.example"),
    "an Origin without a name": raw(b"{}", "", 403, Origin="null"),
    "a query beside the body": Bad("POST", "plans?dry_run=1", "dry_run", body=PLAN),
    "a body beside the query": Bad("GET", "plans", "body", body={"namespace": "default"}),
}
LISTS = {
    **{
        f"{noun}: {key}={value[:20]}": get(f"{noun}?{key}={value}", key)
        for noun in ("plans", "namespaces", "jobs", "evals", "allocations", "simple/allocations", "nodes")
        for key, value in (
            ("pageNumber", "-1"),
            ("pageNumber", "2147483647"),
            ("pageNumber", "2147483648"),
            ("pageSize", "-1"),
            ("pageSize", "1001"),
            ("pageSize", "many"),
            ("sort", "name"),
            ("name" if noun != "evals" else "id", "x" * 600),
        )
    },
    **{f"{noun}: a bad status": get(f"{noun}?status=flying", "status") for noun in ("plans", "jobs", "evals", "nodes")},
    "allocations: a bad status": get("allocations?status=complete,flying", "status"),
    "jobs: a bad time": get("jobs?start_time=noon", "start_time"),
    "jobs: a time of year 99999": get("jobs?end_time=99999-01-01T00:00:00Z", "end_time"),
    "jobs: a key twice": get("jobs?plan_id=a&plan_id=b", "plan_id"),
    "jobs: a key in both spellings": get("jobs?plan_id=a&planId=b", "plan_id"),
    "jobs: bytes that are no UTF-8": get("jobs?plan_id=%ff", "query"),
    "plans: a bad synchronous": get("plans?synchronous=3", "synchronous"),
    "allocations: too many ids": get("allocations?" + "&".join(f"ids=a{at}" for at in range(1500)), "ids"),
    "a queue that is not there": get("queues/nothing", "type"),
    "the map of an unknown namespace": get("queues/job/nowhere", "namespace", 404),
    "the map of a bad namespace": get("queues/job/No-Where", "namespace"),
    "preview: a negative count": get("plans/victim/preview?namespace=default&n=-1", "n"),
    "preview: a huge count": get("plans/victim/preview?namespace=default&n=1001", "n"),
    "preview: a bad time": get("plans/victim/preview?namespace=default&after=noon", "after"),
    "logs: a negative offset": get("jobs/x/logs?offset=-1", "offset"),
    "logs: a huge limit": get("jobs/x/logs?limit=1000000000", "limit"),
}
UNKNOWN = {
    "plan": get("plans/nobody?namespace=default", "id", 404),
    "plan without a namespace": get("plans/victim", "namespace"),
    "plan of an unknown namespace": get("plans/victim?namespace=nowhere", "namespace", 404),
    "job": get("jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV", "id", 404),
    "job's logs": get("jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/logs", "id", 404),
    "evaluation": get("evals/01ARZ3NDEKTSV4RRFFQ69G5FAV-e1", "id", 404),
    "evaluation without a number": get("evals/nobody", "id", 404),
    "allocation": get("allocations/01ARZ3NDEKTSV4RRFFQ69G5FAV-a1", "id", 404),
    "node": get("nodes/nobody", "id", 404),
    "deletion of a plan": Bad("DELETE", "plans/nobody?namespace=default", "id", 404),
    "deletion of a node": Bad("DELETE", "nodes/nobody", "id", 404),
    "online": post("plans/nobody/online", "id", 404, namespace="default"),
    "offline": post("plans/nobody/offline", "id", 404, namespace="default"),
    "offline of what is offline": post("plans/victim/offline", "id", 409, namespace="default"),
    "update": post("plans/nobody", "id", 404, namespace="default", name="x"),
    "update with bad fields": post("plans/victim", "priority", namespace="default", priority=500),
    "update that clears what is not there": post("plans/victim", "clear", namespace="default", clear=["colour"]),
    "run": post("plans/nobody/run", "id", 404, namespace="default"),
    "run with bad parameters": post(
        "plans/victim/run", "parameters.slep", namespace="default", parameters='{"slep":1}'
    ),
    "run with a bad overlap": post("plans/victim/run", "overlap", namespace="default", overlap="maybe"),
    "run with a long key": post("plans/victim/run", "idempotency_key", namespace="default", idempotency_key="k" * 300),
    "cancel": post("jobs/nobody/cancel", "id", 404),
    "status of a job": post("jobs/nobody/status", "id", 404, status="complete"),
    "status that is not there": post("jobs/nobody/status", "status", status="flying"),
    "status that nobody reports": post("jobs/nobody/status", "status", status="skipped"),
    "an id with a separator": get("plans/a%2Fb?namespace=default", "id"),
    "an id with a NUL": get("plans/a%00b?namespace=default", "id"),
    "an id that climbs": get("plans/..%2F..?namespace=default", "id"),
    "an id in bytes that are no UTF-8": get("plans/%ff?namespace=default", "id"),
    "a long id": get(f"jobs/{'j' * 2000}", "id"),
    "a path": get("nothing/here", "", 404),
    "a method": Bad("PUT", "plans/victim", "", 405, body={}),
    "another method": Bad("PATCH", "plans", "", 405, body={}),
}
FLAWS = {
    "A1 a node without data center": post("nodes", "data_center", ID="x", name="x", status="ready", rpc="NodeAdd"),
    "A2 a beat without status": post("nodes/x/status", "status"),
    "A2 a beat with an unknown status": post("nodes/x/status", "status", status="weird"),
    "A3 a job without plan": post("jobs", "plan_id", id="j", rpc="JobAdd"),
    "A4 an allocation without id": post(
        "allocations", "allocation_updated[0].id", allocation_updated=[{"id": ""}], rpc="AllocationAdd"
    ),
    "A5 an evaluation without status": post("evals", "status", id="e", rpc="EvalAdd"),
    "A5 an evaluation with an unknown status": post("evals", "status", id="e", status="odd", rpc="EvalAdd"),
    "A6 a schedule that cannot be read": spec("not a cron"),
    "A6 a change to such a schedule": post(
        "plans/victim", "periodic.spec", namespace="default", periodic={"spec": "not a cron", "time_zone": "UTC"}
    ),
    "F2 a method that the agent lacks": work("rest", '{"url": "http://h", "method": "fetch"}', "parameters.method"),
    "F2 empty parameters": work("rest", "", "parameters"),
    "F2 parameters that are null": work("rest", "null", "parameters"),
}
ALL: dict[str, Bad] = {
    f"{kind}: {name}": bad
    for kind, table in {
        "id": IDS,
        "namespace": NAMESPACES,
        "schedule": SCHEDULES,
        "field": FIELDS,
        "parameters": PARAMETERS,
        "type": TYPES,
        "body": BODIES,
        "list": LISTS,
        "unknown": UNKNOWN,
        "flaw": FLAWS,
    }.items()
    for name, bad in table.items()
}
