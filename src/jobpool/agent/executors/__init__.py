"""One module per executor, found by the entry-point group `jobpool.executors`. Executors never import each other."""
