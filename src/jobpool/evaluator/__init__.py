"""WHO SCHEDULES: takes evaluations in batches, schedules on the local replica, submits placements, acknowledges."""
