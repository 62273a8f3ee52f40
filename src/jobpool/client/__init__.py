"""The typed client: used by the command line, the agent and by Python programs."""
