"""WHERE: a library that proposes a node for an evaluation and verifies a proposal. Pure.

Admits feasibility, ranking strategies and `verify`. The view it reads is a Protocol in `ports`.
"""
