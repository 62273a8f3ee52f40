"""The plans of a team that runs a shop: schedules of every kind, and what goes wrong in such places."""

import json
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

BERLIN = "Europe/Berlin"
SHANGHAI = "Asia/Shanghai"
NEW_YORK = "America/New_York"
TENANTS = 180
"""As many exports are due in one minute: more than there are slots, a herd."""

NAMESPACES = {
    "default": {"job_parallelism_limit": 48, "description": "The platform"},
    "data": {"job_parallelism_limit": 96, "description": "Orders, features and models"},
    "billing": {"job_parallelism_limit": 24, "when_full": "wait", "description": "Invoices; a full house waits"},
}


class Sample(Struct, frozen=True):
    """A plan. `again`: seconds after which somebody starts it once more, for a history; 0 = only its schedule does."""

    id: str
    namespace: str
    description: str
    spec: str
    zone: str
    parameters: dict[str, Any]
    again: float = 0
    executor: str = "shell"
    rules: dict[str, Any] = {}

    def request(self) -> dict[str, Any]:
        """As it is added."""
        return {
            "id": self.id,
            "name": self.id,
            "namespace": self.namespace,
            "type": "service",
            "status": "running",
            "executor": self.executor,
            "description": self.description,
            "parameters": json.dumps(self.parameters),
            "owner": f"{self.namespace if self.namespace != 'default' else 'platform'}-team",
            **({"periodic": {"spec": self.spec, "time_zone": self.zone}} if self.spec else {}),
            **self.rules,
        }


def sh(*lines: str) -> dict[str, Any]:
    return {"command": "\n".join(lines)}


def now_and_then(every: int, fault: str) -> str:
    """Fails one time out of so many."""
    return f"test $(shuf -i 1-{every} -n 1) -gt 1 || {{ echo '{fault}' >&2; exit 2; }}"


SLOW_RETRY = {"retry": {"attempts": 3, "backoff": "20m"}}

TEAM = (
    Sample(
        "orders-import",
        "data",
        "New orders of the shop, into the warehouse",
        "@every 20s",
        BERLIN,
        sh(
            "echo 'connected to shop-db'",
            "for batch in 1 2 3 4 5; do",
            '  echo "batch $batch: $(shuf -i 380-500 -n 1) orders imported"',
            "  sleep $(shuf -i 1-4 -n 1)",
            "done",
            "test $(shuf -i 1-6 -n 1) -gt 1 || sleep 14",
            now_and_then(8, "shop-db: connection reset by peer"),
            "echo 'all orders are there'",
        ),
        rules={"overlap": "skip", "retry": {"attempts": 2, "backoff": "5s"}, "timeout": "10m", "labels": {"tier": "1"}},
    ),
    Sample(
        "invoice-sync",
        "billing",
        "Invoices to the accounting system, in office hours",
        "*/15 8-18 * * MON-FRI",
        BERLIN,
        sh("echo 'asking for changed invoices'", "sleep 0.$(shuf -i 2-9 -n 1)", "echo '42 invoices sent'"),
        again=26,
    ),
    Sample(
        "backup-postgres",
        "default",
        "Base backup of the main database",
        "0 */6 * * *",
        "UTC",
        sh("echo 'pg_basebackup: checkpoint completed'", "sleep $(shuf -i 4-9 -n 1)", "echo '18.4 GB written'"),
        again=38,
        rules={"retry": {"attempts": 2, "backoff": "1m"}, "overlap": "skip"},
    ),
    Sample(
        "features-build",
        "data",
        "Features of all products, one run for each part of the catalog",
        "15 * * * *",
        BERLIN,
        sh("echo 'part of 12,000 products'", "sleep $(shuf -i 40-260 -n 1)", "echo 'features written'"),
        again=24,
        rules={"strategy": "spread"},
    ),
    Sample(
        "revenue-report",
        "billing",
        "Yesterday's numbers, for the morning meeting",
        "30 2 * * *",
        BERLIN,
        sh("echo 'report for yesterday'", "sleep 1.$(shuf -i 1-9 -n 1)", now_and_then(5, "no rates for CHF yet")),
        again=31,
        rules={"retry": {"attempts": 1, "backoff": "10s"}},
    ),
    Sample(
        "warehouse-load",
        "data",
        "Yesterday's files into the warehouse",
        "*/5 * * * *",
        "UTC",
        sh("echo 'COPY orders'", "sleep $(shuf -i 2-5 -n 1)", "echo 'COPY 48210'"),
        again=19,
    ),
    Sample(
        "image-scan",
        "default",
        "Known holes in the images that run",
        "H 3 * * *",
        BERLIN,
        sh("echo '214 images'", "sleep 2", now_and_then(3, "registry did not answer within 2 s")),
        again=29,
    ),
    Sample(
        "reindex-search",
        "default",
        "The search index of the shop, from nothing",
        "0 3 * * SUN",
        BERLIN,
        sh("echo 'reindexing'", "sleep $(shuf -i 12-30 -n 1)", now_and_then(4, "no space left on device")),
        again=44,
    ),
    Sample(
        "embeddings-train",
        "data",
        "Embeddings of product texts",
        "0 1 * * SAT",
        SHANGHAI,
        sh('for epoch in $(seq 90); do echo "epoch $epoch: loss 0.$((900 - epoch * 9))"; sleep 10; done'),
        rules={"timeout": "6h", "overlap": "skip"},
    ),
    Sample(
        "gpu-scoring",
        "data",
        "Scores for the recommendations of the day",
        "0 */4 * * *",
        "UTC",
        {"entry": "scoring.batch:main"},
        executor="python",
    ),
    Sample(
        "dedupe-customers",
        "data",
        "Customers that are there twice",
        "40 1 * * *",
        BERLIN,
        sh("echo 'comparing 1.2 million customers'", "echo 'out of memory' >&2", "exit 137"),
        rules=SLOW_RETRY,
    ),
    Sample(
        "partner-feed",
        "data",
        "Prices of a partner, whose address is gone since Monday",
        "5,35 * * * *",
        NEW_YORK,
        {"url": "https://feed.partner.invalid/prices.json", "timeout": "5s"},
        again=53,
        executor="rest",
        rules={"synchronous": True},
    ),
    Sample(
        "invoice-render",
        "billing",
        "Invoices as PDF",
        "@every 30s",
        BERLIN,
        sh("echo 'rendering'", "sleep $(shuf -i 1-6 -n 1)", "echo '120 pages'"),
    ),
    Sample(
        "fx-rates",
        "billing",
        "Rates of the day, from the central bank",
        "0 */2 * * *",
        NEW_YORK,
        sh("echo 'EUR/USD 1.0842'"),
        again=41,
    ),
    Sample(
        "health-probe",
        "default",
        "Whether the shop answers",
        "* * * * *",
        "UTC",
        sh('echo "200 in $(shuf -i 40-180 -n 1) ms"'),
        again=17,
    ),
    Sample(
        "rotate-certificates",
        "default",
        "Certificates that end within 30 days",
        "0 4 * * MON",
        "UTC",
        sh("echo 'nothing to rotate'"),
        again=67,
    ),
    Sample(
        "monthly-close",
        "billing",
        "The books of last month, on its first working day",
        "0 6 1W * *",
        BERLIN,
        sh("echo 'closing'", "sleep 5"),
        again=97,
    ),
    Sample(
        "dunning-letters",
        "billing",
        "Reminders to those who have not paid",
        "30 7 * * TUE,THU",
        BERLIN,
        sh("echo '17 letters'"),
        again=83,
    ),
    Sample(
        "archive-logs",
        "default",
        "Logs of the day before, into cold storage, one run for each cluster",
        "20 */3 * * *",
        "UTC",
        sh("echo 'compressing'", "sleep $(shuf -i 30-200 -n 1)", "echo '3.1 GB moved'"),
        again=47,
    ),
    Sample("mirror-packages", "default", "A mirror that nobody needs any more", "0 22 * * *", "UTC", sh("true")),
    Sample("restart-canary", "default", "By hand, after a release", "", "", sh("echo 'canary is up'"), again=59),
)

LONG = "x-run-of-a-plan-that-somebody-has-given-a-name-of-as-many-letters-as-there-is-room-80"


def exports() -> Iterator[dict[str, Any]]:
    """The exports of all tenants, every night in the same minute."""
    for number in range(1, TENANTS + 1):
        yield Sample(
            f"tenant-export-{number:03}", "data", "What a tenant may take along", "0 2 * * *", BERLIN, sh("true")
        ).request()


def long_names() -> Iterator[dict[str, Any]]:
    """Plans whose names and schedules are as long as people make them."""
    spec = "0,15,30,45 3-5,9-17 1-7 1,4,7,10 MON"
    words = "What it does, in as many words as somebody had in mind at the time. " * 6
    for command in ("sleep 3", "exit 3", "sleep 900"):
        name = f"{LONG}-{command.replace(' ', '-')}"
        yield Sample(
            name, "billing", words, spec, "America/Argentina/Buenos_Aires", sh(f"echo {LONG}{LONG}{LONG}", command)
        ).request() | {"owner": LONG, "labels": {"team": LONG}}
