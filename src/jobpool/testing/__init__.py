"""Fakes that ship: an in-memory store, a clock that is told the time, builders, an in-process server."""
