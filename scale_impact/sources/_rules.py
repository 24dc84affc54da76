"""Rules of a card: what its columns may hold, and that unit and period stand once."""

from __future__ import annotations

import pandas as pd

from scale_impact.core.source import Source


def refuse_broken_rules(frame: pd.DataFrame, source: Source, name: str) -> None:
    """Refuse data that break the card's rules, all problems at once with row and column; errors as ``sources.read``."""
