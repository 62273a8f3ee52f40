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


def test_a_table_on_a_terminal_is_coloured_and_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "24")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    show_table(("Id", "Status"), [("[b]" + "x" * 20, "failed")])
    shown = terminal.getvalue()
    assert "\x1b[31mfailed" in shown
    assert "[b]x" in shown
    plain = re.sub("\x1b\\[[0-9;]*m", "", shown)
    assert plain.startswith("┌")
    assert max(map(len, plain.splitlines())) <= 24


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
