"""Value of information: what it is worth to know more before the decision, and whether a measurement is worth its cost.

The decision is to scale or not to scale, which is worth 0; without more knowledge the better mean is taken. What is known of one
input tells what to expect of the net present value: a line where the net present value is linear in the input and the input stands
alone, else a smooth curve; either is fitted to the worlds.

Sources: Raiffa and Schlaifer (1961), Applied Statistical Decision Theory, chapter 4 and 5; Strong, Oakley and Brennan (2014), Estimating
multiparameter partial expected value of perfect information from a probabilistic sensitivity analysis sample, Medical Decision
Making 34; Strong, Oakley, Brennan and Breeze (2015) for samples that are yet to be taken, Medical Decision Making 35; Newey (1994),
The asymptotic variance of semiparametric estimators, Econometrica 62, for what a fitted expectation adds to an error.
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

NEGLIGIBLE = 1e-6
"""What is gained has to be more than this part of the mean size of the net present value: less is rounding, or nobody's reason."""


@dataclass(frozen=True, eq=False)
class Information:
    """What more knowledge is worth, in the block's money.

    Attributes
    ----------
    evpi, std_error:
        Expected value of perfect information on all inputs, and the error that drawing worlds leaves in it.
    by_input:
        One row an input, the most valuable first: input, evppi, std_error, how (line or curve).
    measurements:
        One row a measurement that the study names, the most worth first: name, of, std_error (of the measurement), evsi, evsi_error
        (what drawing worlds leaves in it), after_delay (what is gained when the decision waits for it), cost, net (after_delay less
        cost), flips (probability that the decision becomes another one), worth_it.
    """

    evpi: float
    std_error: float
    by_input: pd.DataFrame
    measurements: pd.DataFrame

    @property
    def worth_it(self) -> pd.DataFrame:
        """Measurements that may change the decision and are worth more than they cost."""
        return self.measurements[self.measurements["worth_it"]]


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
    """What is gained on average by deciding on each of these expectations in place of their mean, with its simulation error [n].

    The error is that of expectations that are known; ``error_of`` is that of fitted ones.
    """
    mean = float(expected.mean())
    gained = np.maximum(expected, 0.0) - (expected if mean > 0 else 0.0)
    return float(max(gained.mean(), 0.0)), float(gained.std() / np.sqrt(len(gained)))


def _by_input(choices: ScaleUp, effect: EffectToScale, inputs: tuple[Input, ...], found: Simulated) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for i in (i for i in inputs if not i.is_known):
        known = expected(choices, effect, i, found)
        how = "line" if _is_line(choices, i) else "curve"
        rows.append({"input": i.name, "evppi": gain(known.values)[0], "std_error": error_of(known), "how": how})
    table = pd.DataFrame(rows, columns=["input", "evppi", "std_error", "how"])
    return table.sort_values(["evppi", "input"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _is_line(choices: ScaleUp, i: Input) -> bool:
    return (i.linear or i.name == "effect") and i.name not in tied(choices)


def expected(choices: ScaleUp, effect: EffectToScale, i: Input, found: Simulated) -> Fitted:
    """The net present value to expect when an input is known [n]: a line where it is one, in the effect one for gains and one for harms."""
    x = np.broadcast_to(found.worlds[i.name], (found.n,))
    if not _is_line(choices, i):
        return curve(x, found.npv)
    if i.name == "effect":
        improvement = effect.improvement(x)
        return fitted(np.column_stack([np.maximum(improvement, 0), np.minimum(improvement, 0)]), found.npv)
    return fitted(x[:, None], found.npv)


# ---- what is expected, by least squares ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Fitted:
    """What to expect in each world.

    Attributes
    ----------
    values:
        What is expected [n].
    of:
        What it was fitted to [n].
    basis:
        [n, k] columns that are orthonormal and have mean 0; beside them there is a constant.
    """

    values: Floats
    of: Floats
    basis: Floats

    def projected(self, weights: Floats) -> Floats:
        """The least squares fit of other values on the same columns [n]."""
        return _on(self.basis, weights)


def fitted(columns: Floats, values: Floats) -> Fitted:
    """Least squares on columns [n, k] and a constant; columns that do not vary, or that others make, are left out."""
    spread = columns.std(axis=0)
    kept = columns[:, spread > 0]
    scaled = (kept - kept.mean(axis=0)) / spread[spread > 0]
    left, size, _ = np.linalg.svd(scaled, full_matrices=False)
    basis = left[:, size > np.finfo(float).eps * max(scaled.shape) * size.max(initial=0.0)]
    return Fitted(_on(basis, values), values, basis)


def _on(basis: Floats, values: Floats) -> Floats:
    mean = values.mean()
    found: Floats = mean + basis @ (basis.T @ (values - mean))
    return found


def curve(x: Floats, values: Floats) -> Fitted:
    """What values to expect at x [n], by a smooth curve.

    A choice between line and curve by how well they fit would take the line wherever values scatter much, and the worth of knowing x
    would be that of the wrong function.
    """
    return fitted(smooth(x), values)


def smooth(x: Floats) -> Floats:
    """Columns for a smooth function of x [n]: x itself and cubic B-splines of its place among the worlds."""
    from scipy.interpolate import BSpline

    place = np.empty(len(x))
    place[np.argsort(x, kind="stable")] = (np.arange(len(x)) + 0.5) / len(x)
    inner = np.linspace(0, 1, KNOTS + 2)
    knots = np.concatenate([[0.0] * 3, inner, [1.0] * 3])
    splines = BSpline.design_matrix(place, knots, 3).toarray()
    return np.column_stack([x, splines[:, 1:]])


def error_of(*steps: Fitted) -> float:
    """The simulation error of what is gained by deciding on the last of these expectations, each fitted to the one before it.

    Draws differ in three ways: which worlds decide for scaling, the mean without more knowledge, and the fits themselves. A fit that
    moves shifts the gain where it is above 0, so that its residuals count with that indicator, projected on the columns of the fit
    (Newey 1994, for one step and, in turn, for each step before it).
    """
    first, last = steps[0], steps[-1]
    weights = (last.values > 0).astype(float)
    parts = weights * last.values - (first.of if first.of.mean() > 0 else 0.0)
    for step in reversed(steps):
        weights = step.projected(weights)
        parts = parts + weights * (step.of - step.values)
    # where no world decides otherwise the parts cancel, but for rounding
    error = float(parts.std())
    return error / float(np.sqrt(len(parts))) if error > 1e-9 * float(np.abs(first.of).max()) else 0.0


# ---- a next measurement -----------------------------------------------------------------------------------


def _measured(
    choices: ScaleUp, effect: EffectToScale, inputs: tuple[Input, ...], found: Simulated, seed: int
) -> pd.DataFrame:
    import pandas as pd

    by_name = {i.name: i for i in inputs}
    rows = [
        _row(choices, m, expected(choices, effect, by_name[m.of], found), found, seed) for m in choices.measurements
    ]
    columns = ["name", "of", "std_error", "evsi", "evsi_error", "after_delay", "cost", "net", "flips", "worth_it"]
    table = pd.DataFrame(rows, columns=columns).astype({"worth_it": bool})
    return table.sort_values(["net", "name"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _row(choices: ScaleUp, m: Measurement, known: Fitted, found: Simulated, seed: int) -> dict[str, object]:
    """One measurement: ``known`` is what would be expected if it told the input exactly [n]."""
    x = np.broadcast_to(found.worlds[m.of], (found.n,))
    told = preposterior(x, known.values, m.std_error, normals(seed, 0, f"measurement {m.name}", found.n))
    mean = float(found.npv.mean())
    flips = float(((told.values > 0) != (mean > 0)).mean())
    evsi = gain(told.values)[0] if flips > 0 else 0.0
    # the whole programme begins later by the delay, so that all of it is discounted once more
    later = (1 + choices.discount.rate) ** -m.delay
    waits = later * evsi - (1 - later) * max(mean, 0.0)
    cost = mean_of(m.cost) * rate_to(choices, m.currency, m.year)
    net, least = waits - cost, NEGLIGIBLE * float(np.abs(found.npv).mean())
    return {
        "name": m.name, "of": m.of, "std_error": m.std_error, "evsi": evsi, "evsi_error": error_of(known, told), "after_delay": waits,
        "cost": cost, "net": net, "flips": flips, "worth_it": flips > 0 and net > least,
    }  # fmt: skip


def preposterior(x: Floats, known: Floats, std_error: float, scores: Floats) -> Fitted:
    """What would be expected after a measurement of x with a normal error, in each world [n].

    In each world the measurement is drawn; what it lets expect is the mean of ``known`` over all worlds with such a measurement.
    """
    return curve(x + std_error * scores, known)
