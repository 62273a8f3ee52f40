"""WHAT EXISTS: plans, runs, nodes, namespaces as frozen values, their statuses and the error tree.

Admits values and the rules between their fields. No input or output, no clock, no chance, no store.
"""
