"""Clusters of real servers, etcd members and agents, the faults done to them, and what became of every tick."""
