"""WHAT IS TRUE: the durable, ordered, fenced key space and the commands that change it.

Admits the codec, the key space, the engines behind the `Store` port and the commands. No tasks of its own: the
committer (a leader duty) drives it.
"""
