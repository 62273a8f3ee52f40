"""Tools without a domain: what could be a library of its own.

`kit.pure` computes, `kit.effects` touches the world (clock, chance, tasks, logs). Nothing here knows what a plan is.
"""
