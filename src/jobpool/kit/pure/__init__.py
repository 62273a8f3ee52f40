"""Pure tools: delay queue, durations, ids from bytes, backoff arithmetic, settings, patches."""
