"""The composition root of a server: configuration, start order, health."""
