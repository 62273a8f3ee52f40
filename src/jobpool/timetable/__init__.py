"""WHEN: expressions, ticks, daylight-saving rules and catch-up arithmetic. Pure.

Admits what can be said about due instants from a schedule's text alone. What a tick does (overlap, slots, runs)
belongs to the commands that decide it.
"""

from jobpool.timetable.catch_up import DueTick, DueTicks, plan_catch_up
from jobpool.timetable.expressions import ScheduleOptions, parse
from jobpool.timetable.minutes import Share
from jobpool.timetable.timetable import DstMark, TickNote, Timetable, first_tick, minutes_within, ticks

__all__ = [
    "DstMark",
    "DueTick",
    "DueTicks",
    "ScheduleOptions",
    "Share",
    "TickNote",
    "Timetable",
    "first_tick",
    "minutes_within",
    "parse",
    "plan_catch_up",
    "ticks",
]
