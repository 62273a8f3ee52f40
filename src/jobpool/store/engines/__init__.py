"""One module per engine behind the `Store` port; all pass `tests/conformance`."""
