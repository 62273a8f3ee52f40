"""WHO WORKS: holds one stream to a server, journals what it is given, runs it with an executor, reports the end.

Belongs here: what one machine needs to run allocations. Not here: anything that decides what runs where, and anything
that knows how a server stores it. In reading order: `task` (the values), `book` (what is held, deciding), `outbox`
(what is reported, deciding), `journal` (what survives), `runner` (acting), `session` and `connector` (talking),
`service` (all of it together).
"""
