"""Backoff arithmetic: how long to wait before the k-th try."""


def exponential(k: int, *, base: int, limit: int, factor: int = 2) -> int:
    """`base`, `base`·factor, `base`·factor² … never above `limit`; k counts from 1. Same unit in and out."""
    if k < 1:
        return 0
    return int(min(limit, base * factor ** min(k - 1, 40)))
