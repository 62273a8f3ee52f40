"""What no log may hold: an exception that nobody handled."""

SIGNS = (
    "Traceback (most recent call last)",
    "exception was never retrieved",
    "was never awaited",
    "Unhandled exception",
    "Exception ignored in",
    "ResourceWarning",
)


def troubles(name: str, text: str) -> list[str]:
    """Each sign with the lines around it."""
    lines = text.splitlines()
    found = []
    for at, line in enumerate(lines):
        if any(sign in line for sign in SIGNS):
            around = "\n".join(lines[max(0, at - 3) : at + 25])
            found.append(f"{name}, line {at + 1}:\n{around}")
    return found
