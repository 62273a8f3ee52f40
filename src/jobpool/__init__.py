"""jobpool: a highly available job scheduling engine.

Read `docs/architecture.md` for the picture and the six files to start with.
"""

__version__ = "0.1.0"
