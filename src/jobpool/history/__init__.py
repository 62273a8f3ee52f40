"""WHAT HAPPENED: a local SQL read model of finished runs, in a process of its own, rebuildable from the store."""
