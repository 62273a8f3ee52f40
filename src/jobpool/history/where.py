"""Filters as SQL conditions over numbered columns."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeAlias

from jobpool.history.database import ALLOCATION_STATUSES, EVALUATION_STATUSES, JOB_STATUSES, REASONS, TRIGGERS
from jobpool.history.queries import AllocationFilter, EvaluationFilter, JobFilter
from jobpool.history.words import Kind, Words
from jobpool.kit.pure.durations import Millis

Value: TypeAlias = int | str


class Where:
    """A conjunction of conditions; `possible` is false when no stored run can meet it.

    `counted` names the namespace (None = any) and statuses when these are all there is to it.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._terms: list[str] = []
        self.values: list[Value] = []
        self.possible = True
        self.namespace: int | None = None
        self.statuses: tuple[int, ...] = ()
        self.counted = True

    @property
    def sql(self) -> str:
        return " AND ".join(self._terms) or "1"

    def in_namespace(self, text: str) -> None:
        if text:
            self.namespace = self._words.find(Kind.NAMESPACE, text)
            self._one_of("namespace", [] if self.namespace is None else [self.namespace])

    def in_statuses(self, wanted: Sequence[StrEnum], known: Sequence[StrEnum]) -> None:
        if wanted:
            self.statuses = tuple(sorted({known.index(status) for status in wanted}))
            self._one_of("status", self.statuses)

    def of_plans(self, plans: Sequence[int]) -> None:
        self._uncounted("plan", plans)

    def named(self, text: str, *, contains: bool) -> None:
        if text:
            exact = self._words.find(Kind.NAME, text)
            numbers = self._words.containing(Kind.NAME, text) if contains else [exact] if exact is not None else []
            self._uncounted("name", numbers)

    def on_node(self, text: str) -> None:
        if text:
            node = self._words.find(Kind.NODE, text)
            self._uncounted("node", [] if node is None else [node])

    def on_any_node(self) -> None:
        none = self._words.find(Kind.NODE, "")
        if none is not None:
            self._terms.append("node != ?")
            self.values.append(none)
            self.counted = False

    def ended(self, since: Millis) -> None:
        self._terms.append("ended_at >= ?")
        self.values.append(since)
        self.counted = False

    def caused(self, column: str, wanted: Sequence[StrEnum], known: Sequence[StrEnum]) -> None:
        if wanted:
            self._uncounted(column, sorted({known.index(word) for word in wanted}))

    def holding(self, text: str) -> None:
        """The plan's id or the name holds it."""
        if text:
            plans, names = self._words.holding(text)
            self._terms.append(f"({_in('plan')} OR {_in('name')})")
            self.values += [json.dumps(plans), json.dumps(names)]
            self.possible = self.possible and bool(plans or names)
            self.counted = False

    def created(self, after: Millis | None, until: Millis | None) -> None:
        for term, bound in (("created_at > ?", after), ("created_at <= ?", until)):
            if bound is not None:
                self._terms.append(term)
                self.values.append(bound)
                self.counted = False

    def before(self, place: tuple[Millis, str] | None) -> None:
        """Behind that place of a list in descending order."""
        if place is not None:
            self._terms.append("(created_at, id) < (?, ?)")
            self.values += place

    def _uncounted(self, column: str, numbers: Sequence[int]) -> None:
        self._one_of(column, numbers)
        self.counted = False

    def _one_of(self, column: str, numbers: Sequence[int]) -> None:
        if not numbers:
            self.possible = False
        elif len(numbers) == 1:
            self._terms.append(f"{column} = ?")
            self.values.append(numbers[0])
        else:
            self._terms.append(_in(column))
            self.values.append(json.dumps(list(numbers)))


def _in(column: str) -> str:
    return f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608 — a column of ours


def jobs_where(wanted: JobFilter, words: Words, plans: Sequence[int]) -> Where:
    """The condition of everything but the id; `plans` are the numbers that the plan id stands for."""
    where = Where(words)
    if wanted.plan_id:
        where.of_plans(plans)
    where.in_namespace(wanted.namespace)
    where.in_statuses(wanted.statuses, JOB_STATUSES)
    where.named(wanted.name, contains=wanted.name_contains)
    where.on_node(wanted.node_id)
    where.caused("reason", wanted.reasons, REASONS)
    where.caused("cause", wanted.triggers, TRIGGERS)
    where.holding(wanted.text)
    where.created(wanted.created_after, wanted.created_until)
    return where


def evaluations_where(wanted: EvaluationFilter, words: Words) -> Where:
    """The condition of everything but ids and plan."""
    where = Where(words)
    where.in_namespace(wanted.namespace)
    where.in_statuses(() if wanted.status is None else (wanted.status,), EVALUATION_STATUSES)
    where.created(wanted.created_after, wanted.created_until)
    return where


def allocations_where(wanted: AllocationFilter, words: Words) -> Where:
    """The condition of everything but ids and plan."""
    where = Where(words)
    where.in_namespace(wanted.namespace)
    where.in_statuses(wanted.statuses, ALLOCATION_STATUSES)
    where.named(wanted.name, contains=True)
    where.on_node(wanted.node_id)
    where.created(wanted.created_after, wanted.created_until)
    return where
