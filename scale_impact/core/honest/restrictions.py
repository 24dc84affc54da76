"""How far trends may differ: sets of violations of parallel trends, as linear inequalities.

A violation delta is what the coefficients would be without any effect: one number for each
period but the reference period, where it is 0. A restriction is a union of polyhedra
{delta: rows @ delta <= limits}.

Only inequalities in which a period after the reference period has part are kept: the others say
nothing about the effect (as HonestDiD's ``postPeriodMomentsOnly``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Restriction = Literal["relative_magnitudes", "smoothness", "relative_smoothness"]
Shape = Literal["any", "positive", "negative", "increasing", "decreasing"]


@dataclass(frozen=True, eq=False)
class Polyhedron:
    """Violations delta with ``rows @ delta <= limits``; rows are [R, B + P]."""

    rows: Floats
    limits: Floats


def differences(order: int, n_before: int, n_after: int) -> Floats:
    """First or second differences of the violations over time, [B + P + 1 - order, B + P]."""
    whole = np.diff(np.eye(n_before + n_after + 1), n=order, axis=0)
    return np.delete(whole, n_before, axis=1)


def polyhedra(restriction: Restriction, shape: Shape, bound: float, n_before: int, n_after: int) -> list[Polyhedron]:
    """The polyhedra of a restriction.

    Parameters
    ----------
    restriction:
        ``smoothness``: the slope changes by at most ``bound`` from one period to the next
        (Delta^SD(M)). ``relative_magnitudes``: from the reference period on, violations change by
        at most ``bound`` times the largest change before it (Delta^RM(Mbar)).
        ``relative_smoothness``: the same of changes of the slope (Delta^SDRM(Mbar)).
    shape:
        Sign or direction of the violations after the reference period.
    bound:
        M, in the outcome's unit, or Mbar.

    Source: Rambachan and Roth (2023), Delta^SD, Delta^RM and Delta^SDRM; a relative restriction is the
    union over the period with the largest change and over its sign.
    """
    order = 1 if restriction == "relative_magnitudes" else 2
    changes = differences(order, n_before, n_after)
    before, after = changes[:-n_after], changes[-n_after:]
    extra = _shape_rows(shape, n_before, n_after)
    if restriction == "smoothness":
        limits = np.concatenate([np.full(2 * n_after, float(bound)), np.zeros(len(extra))])
        return [Polyhedron(np.vstack([after, -after, extra]), limits)]
    largest = [sign * change for change in before for sign in (1.0, -1.0)]
    stacked = (np.vstack([after - bound * v, -after - bound * v, extra]) for v in largest)
    return [Polyhedron(rows, np.zeros(len(rows))) for rows in stacked]


def _shape_rows(shape: Shape, n_before: int, n_after: int) -> Floats:
    """Rows of ``rows @ delta <= 0`` for a sign or a direction after the reference period."""
    if shape == "any":
        return np.zeros((0, n_before + n_after))
    order = 0 if shape in ("positive", "negative") else 1
    rows = differences(order, n_before, n_after)[-n_after:] if order else np.eye(n_before + n_after)[n_before:]
    return rows if shape in ("negative", "decreasing") else -rows
