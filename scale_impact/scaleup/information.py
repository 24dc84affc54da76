"""Value of information: what it is worth to know more before the decision, and whether a measurement is worth its cost.

The decision is to scale or not to scale, which is worth 0; without more knowledge the better mean is taken. What is known of one
input tells what to expect of the net present value; that expectation is exact where the net present value is linear in the input
and the input stands alone, else a smooth regression over the worlds.

Sources: Raiffa and Schlaifer (1961), Applied Statistical Decision Theory, chapter 4 and 5; Strong, Oakley and Brennan (2014), Estimating
multiparameter partial expected value of perfect information from a probabilistic sensitivity analysis sample, Medical Decision
Making 34; Strong, Oakley, Brennan and Breeze (2015) for samples that are yet to be taken, Medical Decision Making 35.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.one_thread import one_thread
from scale_impact.core.scaleup_choices import Measurement, ScaleUp
from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.inputs import Input, mean_of, normals, tied
from scale_impact.scaleup.ledger import rate_to
from scale_impact.scaleup.simulation import Simulated

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

KNOTS = 8
"""Inner knots of the smooth regression, at quantiles."""


@dataclass(frozen=True, eq=False)
class Information:
    """What more knowledge is worth, in the block's money.

    Attributes
    ----------
    evpi, std_error:
        Expected value of perfect information on all inputs, and the error that drawing worlds leaves in it.
    by_input:
        One row an input, the most valuable first: input, evppi, std_error, how (exact or regression).
    measurements:
        One row a measurement that the study names, the most worth first: name, of, std_error, evsi, after_delay (what is gained when the
        decision waits for it), cost, net (after_delay less cost), flips (probability that the decision becomes another one).
    """

    evpi: float
    std_error: float
    by_input: pd.DataFrame
    measurements: pd.DataFrame

    @property
    def worth_it(self) -> pd.DataFrame:
        """Measurements that are worth more than they cost."""
        return self.measurements[self.measurements["net"] > 0]


def value(
    choices: ScaleUp, effect: EffectToScale, inputs: tuple[Input, ...], found: Simulated, seed: int
) -> Information:
    """What it is worth to know everything, one input, or what a measurement would tell."""
    evpi, error = gain(found.npv)
    with one_thread(True):
        return Information(
            evpi, error, _by_input(choices, effect, inputs, found), _measured(choices, effect, inputs, found, seed)
        )


def gain(expected: Floats) -> tuple[float, float]:
    """What is gained on average by deciding on each of these expectations in place of their mean, with its simulation error [n]."""
    mean = float(expected.mean())
    gained = np.maximum(expected, 0.0) - (expected if mean > 0 else 0.0)
    return float(max(gained.mean(), 0.0)), float(gained.std() / np.sqrt(len(gained)))


def _by_input(choices: ScaleUp, effect: EffectToScale, inputs: tuple[Input, ...], found: Simulated) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for i in (i for i in inputs if not i.is_known):
        worth, error = gain(expected(choices, effect, i, found))
        rows.append({"input": i.name, "evppi": worth, "std_error": error, "how": _how(choices, i)})
    table = pd.DataFrame(rows, columns=["input", "evppi", "std_error", "how"])
    return table.sort_values(["evppi", "input"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _how(choices: ScaleUp, i: Input) -> str:
    return "exact" if _is_exact(choices, i) else "regression"


def _is_exact(choices: ScaleUp, i: Input) -> bool:
    return (i.linear or i.name == "effect") and i.name not in tied(choices)


def expected(choices: ScaleUp, effect: EffectToScale, i: Input, found: Simulated) -> Floats:
    """The net present value to expect when an input is known [n]: a line where it is one, in the effect one for gains and one for harms."""
    x = np.broadcast_to(found.worlds[i.name], (found.n,))
    if not _is_exact(choices, i):
        return curve(x, found.npv)
    if i.name == "effect":
        improvement = effect.improvement(x)
        return fitted(np.column_stack([np.maximum(improvement, 0), np.minimum(improvement, 0)]), found.npv)
    return fitted(x[:, None], found.npv)


def fitted(columns: Floats, values: Floats) -> Floats:
    """Least squares on columns [n, k] and a constant; columns that do not vary are left out."""
    spread = columns.std(axis=0)
    kept = columns[:, spread > 0]
    scaled = (kept - kept.mean(axis=0)) / spread[spread > 0]
    mean = values.mean()
    slopes = np.linalg.lstsq(scaled, values - mean, rcond=None)[0]
    found: Floats = mean + np.einsum("nk,k->n", scaled, slopes)
    return found


def curve(x: Floats, values: Floats) -> Floats:
    """What values to expect at x [n]: a line, or a smooth curve where it fits better than its columns cost (Schwarz 1978)."""
    columns = smooth(x)
    line, bent = fitted(columns[:, :1], values), fitted(columns, values)
    left, left_bent = (float(((values - f) ** 2).sum()) for f in (line, bent))
    cost = np.log(len(x)) * (columns.shape[1] - 1)
    return bent if left > 0 and (left_bent <= 0 or len(x) * np.log(left / left_bent) > cost) else line


def smooth(x: Floats) -> Floats:
    """Columns for a smooth function of x [n]: x itself and cubic B-splines of its place among the worlds."""
    from scipy.interpolate import BSpline

    place = np.empty(len(x))
    place[np.argsort(x, kind="stable")] = (np.arange(len(x)) + 0.5) / len(x)
    inner = np.linspace(0, 1, KNOTS + 2)
    knots = np.concatenate([[0.0] * 3, inner, [1.0] * 3])
    splines = BSpline.design_matrix(place, knots, 3).toarray()
    return np.column_stack([x, splines[:, 1:]])


# ---- a next measurement -----------------------------------------------------------------------------------


def _measured(
    choices: ScaleUp, effect: EffectToScale, inputs: tuple[Input, ...], found: Simulated, seed: int
) -> pd.DataFrame:
    import pandas as pd

    by_name = {i.name: i for i in inputs}
    rows = [
        _row(choices, m, expected(choices, effect, by_name[m.of], found), found, seed) for m in choices.measurements
    ]
    columns = ["name", "of", "std_error", "evsi", "after_delay", "cost", "net", "flips"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["net", "name"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _row(choices: ScaleUp, m: Measurement, known: Floats, found: Simulated, seed: int) -> dict[str, object]:
    """One measurement: ``known`` is what would be expected if it told the input exactly [n]."""
    told = preposterior(
        np.broadcast_to(found.worlds[m.of], (found.n,)),
        known,
        m.std_error,
        normals(seed, 0, f"measurement {m.name}", found.n),
    )
    mean = float(found.npv.mean())
    # the whole programme begins later by the delay, so that all of it is discounted once more
    later = (1 + choices.discount.rate) ** -m.delay
    waits = later * float(np.maximum(told, 0).mean()) - max(mean, 0.0)
    cost = mean_of(m.cost) * rate_to(choices, m.currency, m.year)
    return {
        "name": m.name, "of": m.of, "std_error": m.std_error, "evsi": gain(told)[0], "after_delay": waits, "cost": cost,
        "net": waits - cost, "flips": float(((told > 0) != (mean > 0)).mean()),
    }  # fmt: skip


def preposterior(x: Floats, known: Floats, std_error: float, scores: Floats) -> Floats:
    """What would be expected after a measurement of x with a normal error, in each world [n].

    In each world the measurement is drawn; what it lets expect is the mean of ``known`` over all worlds with such a measurement.
    """
    if np.ptp(known) == 0:
        return known
    return curve(x + std_error * scores, known)
