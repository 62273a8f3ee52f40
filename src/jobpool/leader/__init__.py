"""WHO COORDINATES: the duties of the leader, in start order."""
