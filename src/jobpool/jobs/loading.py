"""The app that `module`, `module:app` or a file names: imports the user's code, and says where it was found."""

import importlib
import sys
import sysconfig
import traceback
from pathlib import Path
from types import ModuleType

from jobpool.jobs.app import App
from jobpool.jobs.registry import jobs_of
from jobpool.model.errors import InvalidArgument, JobpoolError

_FIELD = "target"


class ImportFailed(InvalidArgument):
    """The user's module raised while it was imported; that is the cause."""


def load_app(target: str, directory: Path) -> App:
    """The app at `module:app` or `file.py:app`; without `:app` that of the module's own `@jobpool.job`s.

    Modules are looked for in `directory` first, then as Python does; the directory stays on `sys.path`. Raises
    InvalidArgument when there is none, when it has no job, and ImportFailed.
    """
    where, _, name = target.rpartition(":") if _names_app(target) else (target, "", "")
    module = _load_file(directory / where) if where.endswith(".py") else _load_module(where, directory)
    app = _named(module, name) if name else _of_module(module)
    if not app.jobs:
        raise InvalidArgument(_FIELD, f"{target} has no job: write @{name or 'jobpool'}.job on a function")
    return app


def root_of(module: str) -> Path | None:
    """The directory that must be on `sys.path` to import it; None when it is installed, or nothing of it is known."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return None
    path = Path(file).resolve()
    path = path.parent if path.name == "__init__.py" else path
    root = path.parents[module.count(".")]
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib", "stdlib")}
    return None if root in installed else root


def _names_app(target: str) -> bool:
    return target.rpartition(":")[2].isidentifier() and ":" in target


def _load_module(name: str, directory: Path) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise InvalidArgument(_FIELD, f"wanted module, module:app or a file that ends in .py, found {name[:60]!r}")
    _look_first_in(directory)
    return _import(name, f"in {directory} or in the environment of {sys.executable}")


def _load_file(file: Path) -> ModuleType:
    """By the name that it has below the first directory that is no package, as Python itself would import it."""
    path = file.resolve()
    if not path.is_file():
        raise InvalidArgument(_FIELD, f"there is no file {path}")
    parts = [] if path.stem == "__init__" else [path.stem]
    root = path.parent
    while (root / "__init__.py").exists():
        parts.insert(0, root.name)
        root = root.parent
    name = ".".join(parts)
    if not all(part.isidentifier() for part in parts):
        raise InvalidArgument(_FIELD, f"{path.name} cannot be imported: {name} is no name of a module")
    _look_first_in(root)
    module = _import(name, f"in {root}")
    found = getattr(module, "__file__", None) or "a module of Python's own"
    if Path(found).resolve() != path:
        raise InvalidArgument(_FIELD, f"the name {name} of {path} belongs to {found}; give the file another")
    return module


def _look_first_in(directory: Path) -> None:
    if sys.path[:1] != [str(directory)]:
        sys.path.insert(0, str(directory))
    importlib.invalidate_caches()


def _import(name: str, where: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise InvalidArgument(_FIELD, f"there is no module {error.name} {where}") from None
        raise _failed(name, error) from error
    except (Exception, SystemExit) as error:  # whatever the user's code raises is theirs to read
        raise _failed(name, error) from error


def _failed(name: str, error: BaseException) -> ImportFailed:
    """With the line of theirs that failed: the last one outside of us and of Python's import."""
    ours = Path(__file__).parents[1]
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and ours not in Path(frame.filename).parents
    ]
    at = f"{frames[-1].filename} line {frames[-1].lineno}: " if frames else ""
    if isinstance(error, SyntaxError):
        at = f"{error.filename} line {error.lineno}: "
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    told = said if isinstance(error, JobpoolError) else f"{type(error).__name__}: {said}"
    advice = ""
    if isinstance(error, ModuleNotFoundError):
        advice = f"; deploy with the Python that has it, this one is {sys.executable}"
    return ImportFailed(_FIELD, f"{name} cannot be imported: {at}{told}{advice}")


def _named(module: ModuleType, name: str) -> App:
    found = getattr(module, name, None)
    if not isinstance(found, App):
        what = "has no" if found is None else f"has {type(found).__name__} {found!r:.40}, and no"
        raise InvalidArgument(_FIELD, f"{module.__name__} {what} App {name}{_apps(module)}")
    return found


def _of_module(module: ModuleType) -> App:
    if not jobs_of(module):
        raise InvalidArgument(_FIELD, f"there is no @jobpool.job in {module.__name__}{_apps(module)}")
    app = App(module.__name__)
    app.include(module)
    return app


def _apps(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, App)]
    return f"; did you mean {module.__name__}:{names[0]}?" if names else ""
