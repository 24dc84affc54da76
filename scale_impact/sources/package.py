"""Data sets that an installed package ships: read from its files, without running its code."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from scale_impact.core.source import Source
from scale_impact.errors import SourceError
from scale_impact.sources import csv
from scale_impact.sources._reading import formats, pickled


def locate(source: Source, root: Path) -> Path:
    """The file within the package."""
    if not source.package:
        raise SourceError("A source of kind package needs the key `package`.")
    spec = find_spec(source.package) if source.package.isidentifier() and source.package != "__main__" else None
    if spec is None or not spec.submodule_search_locations:
        raise SourceError(f"The package {source.package!r} is not installed. Install it: pip install {source.package}")
    path = Path(next(iter(spec.submodule_search_locations))) / csv.refuse_outside(source.file)
    if not path.is_file():
        raise SourceError(f"The package {source.package!r} has no file {source.file}. Is it another version?")
    return path


def parse(path: Path, source: Source) -> pd.DataFrame:
    """Read it as its ending says, as CSV where it says nothing; pickled tables only where the card says so."""
    if source.format == "pickle":
        return pickled.parse(path, source)
    return formats.parse(path, source, fallback="csv")
