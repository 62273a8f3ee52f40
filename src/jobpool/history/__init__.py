"""WHAT HAPPENED: a local SQL read model of finished runs, in a process of its own, rebuildable from the store.

Half of the files live in the child (`child`, `read_model`, `writer`, `reader`, `retention`, `words`, `counts`,
`database`) and never meet an event loop; the other half in the server (`process`, `link`, `source`, `merge`) and never
meet SQL. They share `queries` and `frames`. Nothing here decides: a lost or damaged file costs a rebuild, no history.
"""
