"""Evidence: rows of all studies, written as lines of JSON and queried where they lie; and what others have published.

The room is also called as a function, ``si.evidence(...)``: the name of the one is that of the other.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class _Room(ModuleType):
    """A room that can be asked."""

    def __call__(self, *given: Any, **named: Any) -> pd.DataFrame:
        from scale_impact.evidence.asked import evidence

        return evidence(*given, **named)


sys.modules[__name__].__class__ = _Room
