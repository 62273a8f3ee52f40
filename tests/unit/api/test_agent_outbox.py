"""What an agent is told at once is bounded, however much there is."""

import asyncio

from jobpool.api.agent_outbox import BATCH, Outbox


async def test_stops_and_drops_go_out_in_batches_until_none_is_left() -> None:
    outbox = Outbox()
    for at in range(2 * BATCH + 1):
        outbox.stop(f"s{at}", at)
        outbox.drop(f"d{at}", at)
    sizes = []
    while len(outbox):
        async with asyncio.timeout(5):
            await outbox.filled()
        parcel = outbox.take()
        sizes.append((len(parcel.stop), len(parcel.drop)))
    assert sizes == [(BATCH, BATCH), (BATCH, BATCH), (1, 1)]
