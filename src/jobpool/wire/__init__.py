"""The wire: generated messages, and the translation between messages and the model."""
