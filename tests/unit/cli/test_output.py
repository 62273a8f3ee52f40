"""Alignment, escapes and times."""

import io
import re
import sys
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from jobpool.cli.output import Lines, cells, moment, printable, show_table, span, zone_named
from tests.unit.cli.samples import at


@pytest.mark.parametrize(("text", "wide"), [("", 0), ("abc", 3), ("每小时", 6), ("e\u0301", 1), ("é", 1)])
def test_cells(text: str, wide: int) -> None:
    assert cells(text) == wide


def test_nothing_moves_the_cursor() -> None:
    assert printable("a\x1b[2J\r\n\u202eb") == "a\\x1b[2J\\r\\n\\u202eb"
    assert printable("每小时 é") == "每小时 é"


def test_lines_keep_their_widths(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.show([("每", "", "x"), ("abc", "", "y")])
    lines.show([("a", "", "z")])
    assert capsys.readouterr().out == "每   x\nabc  y\na    z\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    for name, value in (("TERM", "xterm"), ("COLUMNS", str(columns))):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return terminal


def plain(terminal: Terminal) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", terminal.getvalue())


def test_a_table_on_a_terminal_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch, 80)
    show_table(("Id", "Status"), [("[b]x", "failed")])
    assert "\x1b[31mfailed" in terminal.getvalue()
    assert plain(terminal).splitlines()[:2] == ["┌──────┬────────┐", "│ Id   │ Status │"]


def test_a_table_that_is_too_wide_becomes_a_grid_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch, 39)
    show_table(("Id", "Status", "Info"), [("01M81M9F0JA5ND45HW1WGGKD80", "failed", ""), ("b", "ready", "w" * 30)])
    assert "\x1b[31mfailed" in terminal.getvalue()
    assert plain(terminal).splitlines() == [
        "┌────────┬────────────────────────────┐",
        "│ Id     │ 01M81M9F0JA5ND45HW1WGGKD80 │",
        "│ Status │ failed                     │",
        "└────────┴────────────────────────────┘",
        "┌────────┬────────────────────────────┐",
        "│ Id     │ b                          │",
        "│ Status │ ready                      │",
        "│ Info   │ wwwwwwwwwwwwwwwwwwwwwwwwww │",
        "│        │ wwww                       │",
        "└────────┴────────────────────────────┘",
    ]


def test_moments() -> None:
    stamp = at("2026-11-22T10:00:00.5Z")
    assert moment(stamp) == "2026-11-22 11:00:00+01:00"
    assert moment(stamp, UTC, exact=True) == "2026-11-22 10:00:00.500+00:00"
    assert moment(stamp, ZoneInfo("Asia/Shanghai")) == "2026-11-22 18:00:00+08:00"


def test_zones() -> None:
    assert zone_named("Asia/Shanghai") == ZoneInfo("Asia/Shanghai")
    assert [zone_named(name) for name in ("", "Not/There", "/etc/passwd", "Asia")] == [None] * 4


def test_spans() -> None:
    assert [span(0), span(1500), span(-20)] == ["", "1s500ms", "-20ms"]
