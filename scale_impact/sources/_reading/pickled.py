"""Pickled tables that a package ships: read without running what the file could name.

A pickle is a program that builds objects, and may call anything. Here it may build data frames of numbers and texts,
and nothing else. Cards of packages give the file's hash, so that it is a known one too.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pandas as pd

from scale_impact.core.source import Source
from scale_impact.errors import SourceError
from scale_impact.sources._pulling.first_bytes import ending
from scale_impact.sources._reading.cells import dialect_of
from scale_impact.sources._reading.formats import as_stored

ALLOWED = {
    "pandas": {"DataFrame", "Index", "RangeIndex", "StringDtype"},
    "pandas.arrays": {"ArrowStringArray", "StringArray"},
    "pandas.core.frame": {"DataFrame"},
    "pandas.core.internals.managers": {"BlockManager"},
    "pandas._libs.internals": {"_unpickle_block"},
    "pandas.core.indexes.base": {"Index", "_new_Index"},
    "pandas.core.indexes.range": {"RangeIndex"},
    "numpy": {"dtype", "ndarray"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "pyarrow.lib": {"_restore_array", "py_buffer", "type_for_alias"},
    "builtins": {"bytearray", "slice"},
}
"""What a table of numbers and texts is built of, in pandas 1 to 3: each makes an object of its arguments and does nothing else."""

UNREADABLE = (
    pickle.UnpicklingError, lzma.LZMAError, EOFError, OSError, ValueError, TypeError, AttributeError, LookupError, ImportError,
)  # fmt: skip
"""What a broken or foreign file leads to."""

OPEN: dict[str, Callable[[Path], IO[bytes] | Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


class _Tables(pickle.Unpickler):
    """Builds what is allowed, and refuses the file where it names anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if name not in ALLOWED.get(module, ()):
            raise SourceError(f"names {module}.{name}, which no table of numbers and texts is built of")
        try:  # where NumPy 2 keeps it; without the detour each read would warn
            return super().find_class(module.replace("numpy.core.", "numpy._core."), name)
        except ImportError:
            return super().find_class(module, name)


def parse(path: Path, source: Source) -> pd.DataFrame:
    """The data frame in a pickle file, packed or not.

    Parameters
    ----------
    path, source:
        The file, and its card.

    Raises
    ------
    SourceError
        The file builds anything but a data frame of numbers and texts, or cannot be read.
    """
    frame = _loaded(path)
    if not isinstance(frame, pd.DataFrame):
        raise SourceError(f"{path.name} holds no data frame (it holds {type(frame).__name__}).")
    return as_stored(frame, source, dialect_of(source))


def _loaded(path: Path) -> Any:
    try:
        with _opened(path) as file:
            return _Tables(file).load()
    except SourceError as error:
        raise SourceError(f"{path.name} {error.problems[0]}. It is not opened.") from error
    except UNREADABLE as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise SourceError(f"{path.name} cannot be read as a pickled table ({said}).") from error


def _opened(path: Path) -> IO[bytes] | Any:
    with path.open("rb") as file:
        packed = ending(file.read(8))
    return OPEN[packed](path) if packed in OPEN else path.open("rb")
