"""The programs `jobpool`, `jobpool_agent` and `jobpoolctl`, and the dev and bench modes."""
