"""No command crashes: not for arguments that make no sense, and not for answers with nothing in them, in any format."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from jobpool.cli.ctl import root
from jobpool.cli.ctl_errors import BAD_ARGUMENTS
from jobpool.cli.ctl_kinds import BAD_FEATURE
from jobpool.cli.ctl_options import ADDED, FORMATS, Leaf
from jobpool.testing.fake_api import FakeApi
from tests.unit.cli.harness import Ctl, Outcome

CODES = (0, 1, 2, 3, 4, 5, 6, 128)
ODD = (
    "",
    "-1",
    "99999999999999999999",
    "\udcff",
    "[]",
    "@nosuch",
    " ",
    "é" * 300,
    "../../x",
    '{"a":',
    "\x1b[2J",
    "a/b",
)
ORIGINAL = """
    namespace add, namespace list, namespace delete, plan list, plan detail, job list, job detail, job update,
    eval list, eval detail, allocation list, allocation detail, alarm disarm, alarm list, auth disable, auth enable,
    auth status, check datascale, check perf, compaction, del, elect, endpoint hashkv, endpoint health, endpoint status,
    get, lease grant, lease keep-alive, lease list, lease revoke, lease timetolive, lock, make-mirror, member add,
    member list, member promote, member remove, member update, move-leader, put, role add, role delete, role get,
    role grant-permission, role list, role revoke-permission, txn, user add, user delete, user get, user grant-role,
    user list, user passwd, user revoke-role, version, watch, help
"""
LASTING = ("check ", "endpoint health", "job wait", "make-mirror", "snapshot ")
"""Not asked for the fun of it: they take their time, or start a program."""
WITHOUT_END = ("export", "help", "lock", "watch")
"""They take any number of arguments."""


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Leaf]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from leaves(inner, (*path, name))
    else:
        assert isinstance(command, Leaf), f"{path} does not take the global flags"
        yield " ".join(path), command


COMMANDS = dict(leaves(root))


def test_every_command_of_the_original_is_there() -> None:
    assert {" ".join(words.split()) for words in ORIGINAL.split(",")} <= set(COMMANDS)


def test_what_was_added_to_the_originals_groups_is_known() -> None:
    """Beginnings of names depend on it, with --compat."""
    there = {tuple(words.split()) for words in ORIGINAL.split(",")}
    assert {words.split()[0] for words in COMMANDS} - {path[0] for path in there} == ADDED["jobpoolctl"]
    for group in {path[0] for path in there if len(path) > 1}:
        found = {words.split()[1] for words in COMMANDS if words.startswith(f"{group} ")}
        assert found - {path[1] for path in there if path[0] == group} == ADDED.get(group, set())


@pytest.fixture(autouse=True)
def in_a_room_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBPOOLCTL_COMMAND_TIMEOUT", "2s")


async def tried(run: Ctl, words: str, *more: str) -> Outcome:
    async with asyncio.timeout(30):
        outcome = await run(*words.split(), *more)
    assert outcome.code in CODES, (words, more)
    assert "Traceback" not in outcome.err, (words, more)
    if outcome.code:
        assert outcome.err, (words, more)
    return outcome


def wanted(words: str) -> int:
    """How many arguments a command demands."""
    arguments = [one for one in COMMANDS[words].params if isinstance(one, click.Argument)]
    return sum(max(one.nargs, 1) for one in arguments if one.required)


@pytest.mark.parametrize("words", COMMANDS)
async def test_arguments_that_make_no_sense(run: Ctl, api: FakeApi, words: str) -> None:
    if wanted(words):
        assert (await tried(run, words)).code == BAD_ARGUMENTS
    if not words.startswith(WITHOUT_END):
        assert (await tried(run, words, *"abcdefghi")).code == BAD_ARGUMENTS
    assert (await tried(run, words, "--no-such-flag")).code == BAD_ARGUMENTS
    assert (await tried(run, words, "-w", "yaml")).code in (BAD_FEATURE, BAD_ARGUMENTS)
    assert (await tried(run, words, "--command-timeout", "soon")).code == BAD_ARGUMENTS
    assert (await tried(run, words, "--endpoints", "http://[::1")).code in (BAD_ARGUMENTS, 0, 1, 3)
    assert api.requests == []


@pytest.mark.parametrize("words", [words for words in COMMANDS if not words.startswith(LASTING)])
async def test_odd_values(run: Ctl, words: str) -> None:
    for odd in ODD if wanted(words) else ():
        await tried(run, words, "--", *[odd] * wanted(words))
    for option in (one for one in COMMANDS[words].params[: COMMANDS[words].own] if isinstance(one, click.Option)):
        if not option.is_flag:
            for odd in ODD[:6]:
                await tried(run, words, f"{option.opts[-1]}={odd}", *["x"] * wanted(words))


@pytest.mark.parametrize("words", [words for words in COMMANDS if not words.startswith(LASTING)])
async def test_an_answer_with_nothing_in_it_in_every_format(run: Ctl, words: str) -> None:
    for form in FORMATS:
        for compat in (), ("--compat",):
            await tried(run, words, "-w", form, *compat, *["1"] * wanted(words))
