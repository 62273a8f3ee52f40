"""HOW TO ASK: one file per noun, the REST gateway, the one-port listener.

Admits validation and translation between wire and model. Every refusal happens here or in a command's `decide`,
before anything is stored.
"""
