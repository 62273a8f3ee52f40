"""WHAT WE KNOW: the store in memory.

Four verbs: `restore`, `apply` (all changes of one n as one step), `wait_for(n)`, reads. The fold is pure; code that
does not await sees one consistent state.
"""
