"""WHO WORKS: holds one stream to a server, journals what it is given, runs it with an executor, reports the end."""
