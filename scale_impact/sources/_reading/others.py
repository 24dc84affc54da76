"""How a derived source comes at the cards that it is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scale_impact.core.source import Source

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.core.streams_parquet import ParquetTable


@dataclass(frozen=True)
class Others:
    """Other cards by name: ``others(name)`` is the data of one, ``others.card(name)`` the card itself."""

    card: Callable[[str], Source]
    read: Callable[[str], pd.DataFrame | ParquetTable]

    def __call__(self, name: str) -> pd.DataFrame | ParquetTable:
        """The data of a card: checked, tidied, held against its rules."""
        return self.read(name)
