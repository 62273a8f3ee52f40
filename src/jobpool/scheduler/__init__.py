"""WHERE: a library that proposes a node for an evaluation and verifies a proposal. Pure.

Admits feasibility, ranking strategies, `schedule` and `verify`. What it reads of the cluster is `view.PlacementView`.
"""
