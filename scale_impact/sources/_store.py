"""The store: what ``data pull`` fetched, a folder a source and vintage. A mirror has the same layout.

data/raw/<folder>/<vintage>/<file>          beside pulled.json, the record of whence and when
<mirror>/<folder>/<file>                    a mirror may leave the vintage out
"""

from __future__ import annotations

from pathlib import Path

from scale_impact.core.source import Source, SourceFile
from scale_impact.errors import NotPulledError

STORE = "data/raw"
"""Where pulled files lie, from the project's folder; git ignores it."""


def stored_path(source: Source, piece: SourceFile, root: Path) -> Path:
    """Where a pulled file lies, or will."""
    return root / STORE / source.folder / source.edition / piece.file


def stored(source: Source, piece: SourceFile, root: Path) -> Path:
    """A pulled file.

    Raises
    ------
    NotPulledError
        It was not pulled yet.
    """
    path = stored_path(source, piece, root)
    if not path.is_file():
        raise NotPulledError(
            f"{piece.file} is not here yet. Get it: scale-impact data pull {source.folder} (or, from a folder that has it: "
            f"scale-impact data pull {source.folder} --mirror DIR)."
        )
    return path
