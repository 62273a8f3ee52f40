"""Refuses files over 500 lines and functions over 60: a sign that two ideas share one place."""

import ast
import sys
from pathlib import Path

MAX_FILE, MAX_FUNCTION = 500, 60
GENERATED = {"etcd_pb2.py", "jobpool_pb2.py"}


def faults(path: Path) -> list[str]:
    text = path.read_text()
    found = []
    lines = text.count("\n")
    if lines > MAX_FILE:
        found.append(f"{path}: {lines} lines (at most {MAX_FILE})")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION:
                found.append(f"{path}:{node.lineno}: {node.name} has {length} lines (at most {MAX_FUNCTION})")
    return found


def main() -> int:
    files = [path for root in ("src", "tests", "scripts", "examples") for path in Path(root).rglob("*.py")]
    found = [fault for path in sorted(files) if path.name not in GENERATED for fault in faults(path)]
    print("\n".join(found) or f"limits: {len(files)} files are within {MAX_FILE} lines and {MAX_FUNCTION} a function")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
