"""Every change of scheduling state: frozen values with `decide(view, now)`. Pure."""
