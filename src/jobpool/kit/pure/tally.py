"""Many counters side by side, to any set of which a number is added at once.

Slice i holds bit i of every counter, so adding is a carry that runs through a few long integers: the work does not
grow with how many counters are meant.
"""


class Tally:
    """Counters from 0 on. A set of them is a bit mask."""

    def __init__(self) -> None:
        self._slices: list[int] = []

    def add(self, mask: int, weight: int) -> None:
        for bit in _bits(weight):
            level, carry = bit, mask
            while carry:
                self._grow(level)
                before = self._slices[level]
                self._slices[level] = before ^ carry
                carry &= before
                level += 1

    def subtract(self, mask: int, weight: int) -> None:
        """Raises ValueError when a counter would fall below 0."""
        for bit in _bits(weight):
            level, borrow = bit, mask
            while borrow:
                if level >= len(self._slices):
                    raise ValueError(f"wanted counters of at least {weight}, found less")
                after = self._slices[level] ^ borrow
                self._slices[level] = after
                borrow &= after
                level += 1

    def read(self, first: int, count: int) -> list[int]:
        """The counters from `first` on."""
        values = [0] * count
        window = (1 << count) - 1
        for level, bits in enumerate(self._slices):
            weight = 1 << level
            text = format(bits >> first & window, "b")
            for place, bit in enumerate(reversed(text)):
                if bit == "1":
                    values[place] += weight
        return values

    def _grow(self, level: int) -> None:
        while len(self._slices) <= level:
            self._slices.append(0)


def _bits(number: int) -> list[int]:
    return [bit for bit in range(number.bit_length()) if number >> bit & 1]
