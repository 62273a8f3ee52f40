"""Tables that are written as their rows come."""

import pytest

from jobpool.cli.grid import Grid, show_table
from tests.unit.cli.test_output import on_a_terminal, plain


def test_later_rows_widen_the_columns_below_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    grid = Grid(("Id", "N"))
    grid.show([("a", "1")])
    grid.show([("b", "2")])
    grid.show([("wider", "3")])
    grid.show([("c", "4")])
    grid.close()
    assert capsys.readouterr().out.splitlines() == [
        "+----+---+",
        "| Id | N |",
        "+----+---+",
        "| a  | 1 |",
        "| b  | 2 |",
        "+-------+---+",
        "| wider | 3 |",
        "| c     | 4 |",
        "+-------+---+",
    ]


def test_a_table_of_nothing_shows_its_titles(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("Id", "N"), [])
    assert capsys.readouterr().out.splitlines() == ["+----+---+", "| Id | N |", "+----+---+", "+----+---+"]


def test_wide_signs_take_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("Name",), [("每小时",), ("e\u0301",), ("\x1b",)])
    assert capsys.readouterr().out.splitlines()[3:-1] == ["| 每小时 |", "| e\u0301      |", "| \\x1b   |"]


def test_from_the_first_row_that_is_too_wide_each_is_a_table_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch, 20)
    grid = Grid(("Id", "Info"))
    grid.show([("a", "x")])
    grid.show([("b", "long words here")])
    grid.show([("c", "y")])
    grid.close()
    assert plain(terminal).splitlines() == [
        "┌────┬──────┐",
        "│ Id │ Info │",
        "├────┼──────┤",
        "│ a  │ x    │",
        "└────┴──────┘",
        "┌──────┬───────────┐",
        "│ Id   │ b         │",
        "│ Info │ long word │",
        "│      │ s here    │",
        "└──────┴───────────┘",
        "┌──────┬───┐",
        "│ Id   │ c │",
        "│ Info │ y │",
        "└──────┴───┘",
    ]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colours_where_none_are_wanted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    terminal = on_a_terminal(monkeypatch, 80)
    monkeypatch.setenv(name, value)
    show_table(("Status",), [("failed",)])
    assert "\x1b" not in terminal.getvalue()
    assert "│ failed │" in terminal.getvalue()


def test_no_colours_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("Status",), [("failed",)])
    assert "\x1b" not in capsys.readouterr().out
