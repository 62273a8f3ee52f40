"""Plans in files: one file, stdin, or all files of a directory."""

import sys
from pathlib import Path

from jobpool.declare.documents import Document, parse_documents
from jobpool.model.errors import InvalidArgument

ENDINGS = (".yaml", ".yml", ".json")


def read_documents(path: str) -> list[Document]:
    """The plans of a file (`-` = stdin): one, a list, or several YAML documents.

    Raises InvalidArgument naming the file and, where known, the line.
    """
    return parse_documents(read_text(path), path)


def read_all(paths: tuple[str, ...]) -> list[Document]:
    """The plans of all files; of a directory those of every `.yaml`, `.yml` and `.json` below it, by name.

    Raises InvalidArgument also for a directory without any.
    """
    return [document for path in paths for file in _files(path) for document in read_documents(file)]


def read_text(path: str) -> str:
    """Raises InvalidArgument."""
    try:
        return (sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()).decode("utf-8-sig")
    except OSError as error:
        raise InvalidArgument("file", f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument("file", f"{path} is not UTF-8 at byte {error.start}") from error


def _files(path: str) -> list[str]:
    if path == "-" or not Path(path).is_dir():
        return [path]
    found = sorted(str(file) for file in Path(path).rglob("*") if file.suffix in ENDINGS and file.is_file())
    visible = [file for file in found if not any(part.startswith(".") for part in Path(file).relative_to(path).parts)]
    if not visible:
        raise InvalidArgument("file", f"there is no {', '.join(ENDINGS)} in {path}")
    return visible
