"""One etcd member as a child of the server: found, checked, started, watched, started again, ended.

Nothing here speaks to the store in it: that is `store/engines/etcd`. What etcd is told is in `config` and `arguments`,
what its end means in `diagnosis`; `member` is the service.
"""
