"""etcd's own services on the client port: what a client asks of etcd is judged here and passed to the member.

Admits what reads or writes etcd's messages for clients. A request is parsed whole, stripped of what is not known,
judged, and sent as it was judged: two parsers may read the same bytes differently, so bytes are never passed on.
"""
