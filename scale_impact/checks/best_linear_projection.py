"""Along which contexts does the effect differ? The best linear approximation of the conditional effect.

The estimator's orthogonal scores, whose mean given contexts is the conditional effect, are regressed on the contexts. That is
right whatever the form of the effect: the line is the closest one. It misses differences that no line shows, such as a
middle group that differs from both ends. A slope says that effects differ *along* a context, not because of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scale_impact.checks._heterogeneity import POWER, Case, Refit, asked
from scale_impact.core.causal.for_whom.projection import Projection, project, said_of_dropped
from scale_impact.core.check import Check, Verdict
from scale_impact.core.comparison import holm
from scale_impact.core.design import Design
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number, p_words, some

NAME = "best_linear_projection"

EXPOSURE = True


def run(panel: Panel, design: Design, refit: Refit, *, alpha: Share = 0.05) -> Check:
    """Slopes of the effect in the contexts, and a test of all of them together.

    Parameters
    ----------
    panel, design, refit:
        The data, the design and an estimator of conditional effects (double_ml, causal_forest, dr_learner).
    alpha:
        Level of the tests.

    Returns
    -------
    Check that passes where the slopes together differ from zero (the effect differs along the contexts) and is inconclusive
    otherwise. ``statistic`` is the F of all slopes. ``details.rows`` has for each context the slope per unit (``slope``,
    ``std_error``) and per standard deviation (``per_sd``), with p-values by themselves and adjusted for all contexts (Holm);
    ``details.detectable`` is the standard deviation of effects along the contexts that would have been noticed with power 0.8.

    Source: Semenova and Chernozhukov (2021), section 2; standard errors HC3, by cluster where rows belong together.
    """
    return asked(NAME, panel, design, refit, lambda case: _check(case, alpha))


def _check(case: Case, alpha: float) -> Check:
    line = project(case.rows)
    f, p = line.test
    rows = _rows(line)
    verdict: Verdict = "pass" if p < alpha else "inconclusive"
    average, error = line.average
    details = {
        "alpha": alpha, "average": average, "average_error": error, "df": line.df, "spread": line.spread, "dropped": list(line.dropped),
        "detectable": line.detectable(alpha, POWER), "estimator": case.estimator, "rows": rows,
    }  # fmt: skip
    reason = _found(rows, f, p, alpha) if verdict == "pass" else _not_found(line, p, alpha)
    return Check(NAME, verdict, reason + said_of_dropped(line.dropped) + case.rough(), f, p, details=details)


def _rows(line: Projection) -> list[dict[str, Any]]:
    plain = line.p_values()
    columns = zip(line.names, line.slopes, line.std_errors, line.spreads, plain, holm(plain), strict=True)
    return [
        {
            "context": name, "slope": float(b / sd), "std_error": float(se / sd), "per_sd": float(b), "per_sd_error": float(se),
            "sd": float(sd), "p_value": float(p), "adjusted": float(q),
        }
        for name, b, se, sd, p, q in columns
    ]  # fmt: skip


def _found(rows: list[dict[str, Any]], f: float, p: float, alpha: float) -> str:
    clear = sorted((r for r in rows if r["adjusted"] < alpha), key=lambda r: r["p_value"])
    said = [f"{number(r['slope'])} per unit of {r['context']}" for r in clear]
    which = f": {some(said, 4)}" if said else "; no single one stays when all are counted"
    return f"The effect differs along the contexts (F = {number(f)}, {p_words(p)}){which}."


def _not_found(line: Projection, p: float, alpha: float) -> str:
    largest = int(np.abs(line.slopes).argmax())
    return (
        f"No difference of the effect along {counted(len(line.names), 'context')} was found ({p_words(p)}). Effects with a standard deviation of "
        f"{number(line.detectable(alpha, POWER))} along them would have been noticed with power {POWER:.0%}; the mean effect is "
        f"{number(line.average[0])}. The largest slope is that of {line.names[largest]}: {number(float(line.slopes[largest]))} per standard deviation."
    )
