"""WHEN: expressions, ticks, daylight-saving rules and catch-up arithmetic. Pure."""
