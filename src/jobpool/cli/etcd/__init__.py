"""`jobpoolctl`'s commands on an etcd's own keys, leases, users and locks, as etcdctl has them.

What belongs here: these commands, in etcdctl's shapes. They speak etcd's calls and nothing of jobpool's, so they work
against an etcd as well. Only the command that is called is imported.
"""
