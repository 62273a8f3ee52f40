"""One module per executor, found through the entry-point group `jobpool.executors`. Executors never import each other."""
