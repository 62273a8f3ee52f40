"""Meshes of two and three servers over the network in memory."""

from tests.unit.peers.conftest import World, beat, ready


async def test_a_question_is_answered_with_its_n(world: World) -> None:
    a, b = await world.pair()
    told = await a.mesh.ask("b", ready("x"), str, timeout=100)
    assert (told.value, told.n) == ("x", 100)
    assert b.asked == [("a", ready("x"))]


async def test_beats_reach_everybody(world: World) -> None:
    a, b, c = await world.trio()
    a.mesh.send_beat(beat(3))
    await world.clock.advance(0)
    assert b.heard == c.heard == [("a", "beat", 3)]
