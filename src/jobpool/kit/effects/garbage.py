"""Python's collector of garbage, spared what is there to stay."""

import gc


def spare_what_is_there() -> None:
    """No collection looks at what exists now, until this is called again. Costs nothing by itself.

    A loaded state is some hundred thousand objects that live on: each full collection would walk over all of them.
    """
    gc.unfreeze()
    gc.freeze()
