"""How long periods are and how often units are observed, in words. Read with every card, so without pandas."""

from __future__ import annotations

import re
from typing import Literal

To = Literal["day", "week", "month", "quarter", "year"]
"""Periods of a panel."""


def minutes_of(every: str) -> int:
    """Minutes of ``hour`` or ``15 minutes``.

    Raises
    ------
    ValueError
        It is no such step, or one that does not divide an hour.
    """
    if every == "hour":
        return 60
    found = re.fullmatch(r"(\d+) minutes?", every)
    if found is None or int(found[1]) == 0 or 60 % int(found[1]):
        raise ValueError(
            f"{every!r} is none of month, week, day, hour or minutes that divide an hour, as `15 minutes`."
        )
    return int(found[1])
