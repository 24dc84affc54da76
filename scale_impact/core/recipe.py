"""Recipe: how sources become one panel. Keys of a card of kind ``panel``."""

from __future__ import annotations

from typing import Any

from scale_impact.core.yaml_file import Record


class Part(Record):
    """What one source gives to a panel."""

    source: str
    """The card it comes from."""
    columns: dict[str, Any] = {}
    """Columns of the panel, each with the column of the source."""
