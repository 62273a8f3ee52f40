"""Whole clusters in one process, on one seeded clock and network: hours of crashes, cuts and delays in seconds.

The servers are the product's own, from the agents' streams to the transactions; what is simulated is what lies around
them: time, links, the store, agents. The same seed is the same history, also after a failure:
`python -m jobpool.testing.simulation --seed 123 --verbose`. Admits nothing that a server imports.
"""
