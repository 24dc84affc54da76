"""Two folders or files that change places at once, where the system can."""

from __future__ import annotations

import os
from pathlib import Path

HERE, EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux."""


def exchanged(one: Path, other: Path) -> bool:
    """Let two paths change places, so that nobody sees a moment without either; False where the system cannot, and nothing was done."""
    import ctypes

    try:
        swap = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    return bool(swap(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0)
