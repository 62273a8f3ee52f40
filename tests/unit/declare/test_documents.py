"""Texts whose aliases would make far more of them than anybody wrote."""

from itertools import pairwise

import pytest

from jobpool.declare.documents import parse_documents, parse_values
from jobpool.model.errors import InvalidArgument

LETTERS = "abcdefghij"


def _bomb(link: str, first: str) -> str:
    """Ten of the one before, nine times over."""
    lines = [f"a: &a {first}"]
    for before, name in pairwise(LETTERS):
        lines.append(f"{name}: &{name} {link.format(','.join([f'*{before}'] * 10))}")
    return "\n".join(lines)


BOMBS = {
    "lists": _bomb("[{}]", "[x, x]"),
    "merged maps": _bomb("{{<<: [{}]}}", "{x: y}"),
    "a large text": f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1_000)}]",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("read", [parse_documents, parse_values])
def test_aliases_cannot_make_a_small_text_large(text: str, read: object) -> None:
    assert callable(read)
    with pytest.raises(InvalidArgument, match=r"plan.yaml is not YAML: aliases make far too much of it"):
        read(text, "plan.yaml")


@pytest.mark.parametrize("text", ["a: &a [*a]", "&a\nb: {c: *a}", "a: &a {<<: *a}"])
def test_what_holds_itself_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="found an alias of what it stands in"):
        parse_documents(text, "plan.yaml")


def test_aliases_and_merges_as_people_write_them() -> None:
    text = "- &base {id: a, labels: &team {team: x}}\n- {<<: *base, id: b}\n- {id: c, labels: *team}\n"
    found = [document.fields for document in parse_documents(text, "plan.yaml")]
    assert found == [{"id": name, "labels": {"team": "x"}} for name in "abc"]
