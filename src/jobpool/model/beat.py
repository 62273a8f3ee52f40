"""What servers tell each other all the time."""

from msgspec import Struct

from jobpool.kit.pure.durations import Millis


class Beat(Struct, frozen=True, array_like=True):
    """What a server tells the others every 200 ms, and whenever it began or ended a term.

    `term` is the newest it knows; `leads` and `vacant` (that term's leader said that it leads no more) are about it.
    `heard` is how long ago the sender heard that term's leader itself; None = never. `hears` names the servers that it
    hears now. `n` is how far it has folded the log. `heir` is whom that leader called when it left; empty = nobody, or
    not known. `leaves`: the sender is about to stop, and leads no more. `clock` is its wall clock when it sent this;
    0 = not told.
    """

    term: int
    n: int
    leads: bool
    vacant: bool = False
    heard: Millis | None = None
    hears: tuple[str, ...] = ()
    heir: str = ""
    leaves: bool = False
    clock: Millis = 0
