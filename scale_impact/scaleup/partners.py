"""Partners: what each pays and gains, how surely, and who loses in how many worlds, by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check, Verdict
from scale_impact.core.scaleup_choices import Partner, ScaleUp
from scale_impact.core.words import number, some
from scale_impact.scaleup.break_even import break_even
from scale_impact.scaleup.decision import must_agree
from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.information import gain
from scale_impact.scaleup.simulation import KINDS, Simulated
from scale_impact.scaleup.words import ALL, money, percent

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

WORST = 0.05
"""The share of worlds that `worst` is the upper end of."""


def by_partner(choices: ScaleUp, effect: EffectToScale, found: Simulated, level: float) -> pd.DataFrame:
    """One row a partner, all of them together first.

    Columns: partner, kind, group, weight, must_agree; benefits, costs, transfers, npv (means of present values, transfers what is paid
    in less what is paid out); std_error, low, high (of npv: standard deviation and interval over the worlds); p_positive, p_loses;
    mean_loss (mean npv where it is below 0; missing where it never is), worst (npv is lower in five of a hundred worlds);
    bcr, bcr_low, bcr_high (what comes in for each unit that goes out, ratio of means and interval; missing where nothing goes out);
    break_even, break_even_told; evpi (what perfect information is worth to this partner).
    """
    import pandas as pd

    together: dict[str, Any] = {"kind": "all", "group": None, "weight": 1.0, "must_agree": True}
    whole: dict[str, Any] = {"partner": ALL, **together}
    whole |= (
        {kind: float(found.total(kind).mean()) for kind in KINDS}
        | _npv(found.npv, level)
        | ratio(found.total("benefits"), found.total("costs"), level)
    )
    rows = [whole | _break_even(found, effect, None)]
    return pd.DataFrame([*rows, *(_row(choices, p, effect, found, level) for p in choices.partners)])


def _row(choices: ScaleUp, partner: Partner, effect: EffectToScale, found: Simulated, level: float) -> dict[str, Any]:
    name = partner.name
    own = {"kind": partner.kind, "group": partner.group, "weight": partner.weight}
    row: dict[str, Any] = {"partner": name, **own, "must_agree": name in must_agree(choices)}
    row |= {kind: float(found.of(name, kind).mean()) for kind in KINDS}
    return (
        row | _npv(found.npv_of(name), level) | ratio(*found.in_and_out(name), level) | _break_even(found, effect, name)
    )


def _npv(npv: Floats, level: float) -> dict[str, Any]:
    low, high, worst = (float(v) for v in np.quantile(npv, [(1 - level) / 2, (1 + level) / 2, WORST]))
    loses = npv < 0
    return {
        "npv": float(npv.mean()), "std_error": spread(npv), "low": low, "high": high, "p_positive": float((npv > 0).mean()),
        "p_loses": float(loses.mean()), "mean_loss": float(npv[loses].mean()) if loses.any() else None, "worst": worst, "evpi": gain(npv)[0],
    }  # fmt: skip


def spread(values: Floats) -> float:
    """The standard deviation over the worlds; 0, and not what rounding leaves of it, where all are the same."""
    return float(values.std()) if np.ptp(values) > 0 else 0.0


def ratio(came: Floats, went: Floats, level: float) -> dict[str, Any]:
    """What comes in for each unit that goes out: the ratio of the means, and the interval of the ratio over the worlds."""
    if not (went > 0).all():
        return {"bcr": None, "bcr_low": None, "bcr_high": None}
    low, high = np.quantile(came / went, [(1 - level) / 2, (1 + level) / 2])
    return {"bcr": float(came.mean() / went.mean()), "bcr_low": float(low), "bcr_high": float(high)}


def _break_even(found: Simulated, effect: EffectToScale, partner: str | None) -> dict[str, Any]:
    even = break_even(found, effect, partner)
    return {"break_even": even.value, "break_even_told": even.told}


def weighted(choices: ScaleUp, found: Simulated) -> Floats | None:
    """Net present value with each partner's weight [n]; None where all weights are 1."""
    if all(p.weight == 1 for p in choices.partners):
        return None
    # in the order of names, so that the sum does not depend on the order of a file
    parts = [p.weight * found.npv_of(p.name) for p in sorted(choices.partners, key=lambda p: p.name)]
    return sum(parts, np.zeros(found.n))


def by_year(choices: ScaleUp, found: Simulated, level: float) -> pd.DataFrame:
    """One row a year: participants (mean, low, high), benefits, costs, net (means, not discounted), cumulative (discounted, mean, low, high)."""
    import pandas as pd

    ends = [(1 - level) / 2, (1 + level) / 2]
    active, cumulative = (np.quantile(v, ends, axis=0) for v in (found.active, found.cumulative))
    kinds = {
        kind: sum((y for line, y in _lines(found) if line == kind[:-1]), np.zeros(choices.horizon))
        for kind in ("benefits", "costs")
    }
    columns = {
        "year": np.arange(1, choices.horizon + 1), "participants": found.active.mean(axis=0), "participants_low": active[0],
        "participants_high": active[1], **kinds, "net": kinds["benefits"] - kinds["costs"], "cumulative": found.cumulative.mean(axis=0),
        "cumulative_low": cumulative[0], "cumulative_high": cumulative[1],
    }  # fmt: skip
    return pd.DataFrame(columns)


def _lines(found: Simulated) -> list[tuple[str, Floats]]:
    return [(line.flow.kind, row) for line, row in zip(found.lines, found.yearly, strict=True)]


def by_partner_and_year(choices: ScaleUp, found: Simulated) -> pd.DataFrame:
    """One row a partner and year: benefits, costs, transfers and net, means that are not discounted."""
    import pandas as pd

    rows = []
    for p in choices.partners:
        kinds = {kind: _yearly(found, p.name, kind[:-1]) * (-1 if kind == "costs" else 1) for kind in KINDS}
        net = kinds["benefits"] - kinds["costs"] + kinds["transfers"]
        rows += [
            {"partner": p.name, "year": t + 1, **{k: float(v[t]) for k, v in kinds.items()}, "net": float(net[t])}
            for t in range(choices.horizon)
        ]
    return pd.DataFrame(rows)


def _yearly(found: Simulated, partner: str, kind: str) -> Floats:
    own = [
        line.parts.get(partner, 0.0) * row
        for line, row in zip(found.lines, found.yearly, strict=True)
        if line.flow.kind == kind
    ]
    return sum(own, np.zeros(found.yearly.shape[1]))


def by_flow(found: Simulated, level: float) -> pd.DataFrame:
    """One row a flow: name, kind, per, paid_by, received_by, its present value (mean, low, high), source."""
    import pandas as pd

    rows = []
    for line, value in zip(found.lines, found.values, strict=True):
        low, high = np.quantile(value, [(1 - level) / 2, (1 + level) / 2])
        who = {side: ", ".join(getattr(line.flow, side) or {}) for side in ("paid_by", "received_by")}
        money = {"mean": float(value.mean()), "low": float(low), "high": float(high)}
        rows.append(
            {
                "flow": line.flow.name,
                "kind": line.flow.kind,
                "per": line.flow.per,
                **who,
                **money,
                "source": line.flow.source,
            }
        )
    return pd.DataFrame(rows)


# ---- who loses ------------------------------------------------------------------------------------------


def losers(choices: ScaleUp, table: pd.DataFrame) -> Check:
    """The check ``losers``: fail where a partner loses on average, inconclusive where one may, pass where nobody is likely to.

    A partner may lose where it does in more than 1 - ``rules.sure`` of the worlds.
    """
    own = table[table["partner"] != ALL]
    lose, may = own[own["npv"] < 0], own[(own["npv"] >= 0) & (own["p_loses"] > 1 - choices.rules.sure + 1e-12)]
    told = [_told(choices, row, "loses on average") for row in lose.to_dict("records")]
    told += [_told(choices, row, "may lose") for row in may.to_dict("records")]
    verdict: Verdict = "fail" if len(lose) else "inconclusive" if len(may) else "pass"
    columns = ["partner", "npv", "p_loses", "mean_loss", "worst"]
    rows = own[columns].astype(object).where(own[columns].notna(), None).to_dict("records")
    reason = (
        "; ".join(told) + "."
        if told
        else f"No partner loses on average or in more than {percent(1 - choices.rules.sure)} of the worlds."
    )
    return Check("losers", verdict, reason, statistic=float(own["p_loses"].max()), details={"partners": rows})


def _told(choices: ScaleUp, row: dict[str, Any], verb: str) -> str:
    loss = f" by {money(-row['mean_loss'], choices)} on average where it does" if row["mean_loss"] is not None else ""
    return f"{row['partner']} {verb} ({money(row['npv'], choices)}), in {percent(row['p_loses'])} of the worlds{loss}"


def weights_told(choices: ScaleUp) -> str:
    """The weights that are not 1, with their reasons."""
    return some([f"{p.name} {number(p.weight)} ({p.weight_reason})" for p in choices.partners if p.weight != 1], 20)
