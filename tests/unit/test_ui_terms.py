"""Everything that the server says by code has a Chinese word in the web UI."""

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import pytest

from jobpool.explain.finding import Code, Remedy, Verdict
from jobpool.leader.attendance import AWAITED, BACK
from jobpool.leader.heartbeats import SILENT
from jobpool.model.reasons import LedgerReason, Reason
from jobpool.model.statuses import Trigger

TERMS = (Path(__file__).parents[2] / "ui/src/text/terms.zh.ts").read_text(encoding="utf-8")
CHINESE = re.compile("[\u4e00-\u9fff]")


def table(name: str) -> dict[str, str]:
    """The entries of one table of the file: one a line."""
    body = TERMS.partition(f"export const {name}:")[2].partition("\n};")[0]
    return dict(re.findall(r'^  "?([\w-]+)"?: "(.*)",$', body, re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "words"),
    [("WHY", [Code]), ("REMEDIES", [Remedy]), ("TERMS", [Reason, LedgerReason, Trigger, Verdict])],
)
def test_each_code_has_a_chinese_text(name: str, words: Iterable[type[StrEnum]]) -> None:
    said = table(name)
    missing = {str(word) for one in words for word in one if word} - said.keys()
    assert missing == set()
    assert [key for key, text in said.items() if not CHINESE.search(text)] == []
    if name != "TERMS":
        assert said.keys() == {str(word) for one in words for word in one if word}


def test_what_is_said_of_a_node_has_a_chinese_text() -> None:
    body = TERMS.partition("export const STATES:")[2].partition("\n};")[0]
    said = dict(re.findall(r'^  "([^"]+)": "(.*)",$', body, re.MULTILINE))
    assert {AWAITED, BACK, SILENT} <= said.keys()
    assert [key for key, text in said.items() if not CHINESE.search(text)] == []
