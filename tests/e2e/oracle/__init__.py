"""Real processes, a plain client, and a judge of what they did that shares no code with what it judges."""
