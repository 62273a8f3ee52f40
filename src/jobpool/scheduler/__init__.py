"""WHERE: a library that proposes a node for an evaluation and verifies a proposal. Pure.

Admits feasibility, ranking strategies, `schedule` and `verify`. What it reads of the cluster is `view.PlacementView`.
"""

from jobpool.scheduler.decide import schedule
from jobpool.scheduler.decision import Decision, Nothing, Place, Wait
from jobpool.scheduler.fit import Refusal, feasible, fits, needs_node, portable, room_for, room_kind, verify
from jobpool.scheduler.strategies import DEFAULT_STRATEGY, STRATEGIES, check_strategy
from jobpool.scheduler.view import Dice, PlacementView, Proposals

__all__ = [
    "DEFAULT_STRATEGY",
    "STRATEGIES",
    "Decision",
    "Dice",
    "Nothing",
    "Place",
    "PlacementView",
    "Proposals",
    "Refusal",
    "Wait",
    "check_strategy",
    "feasible",
    "fits",
    "needs_node",
    "portable",
    "room_for",
    "room_kind",
    "schedule",
    "verify",
]
