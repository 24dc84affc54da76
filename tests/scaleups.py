"""Small scale-ups whose answers are arithmetic: a block of the study as keys and values, with what a test changes in it."""

import copy

from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.outlook import look_ahead

SAYS = {"source": "a test", "reason": "a test"}


def flow(name, kind, amount, *, per="once", paid_by=None, received_by=None, **more):
    """A line of the ledger in EUR of 2024."""
    sides = {k: v for k, v in (("paid_by", paid_by), ("received_by", received_by)) if v is not None}
    price = {"currency": "EUR", "year": 2024, "source": "a test"}
    return {"name": name, "kind": kind, "amount": amount, "per": per, **sides, **price, **more}


BASE = {
    "city": "Testford",
    "effect": {
        "estimate": 2.0, "std_error": 0.5, "unit": "points", "direction": "+", "label": "test scores", "source": "a test",
    },
    "reach": {"units": 100, "unit": "pupils", "source": "a test"},
    "adoption": {"curve": "at_once", "ceiling": 1, "reason": "a test"},
    "dose": {"value": 1, "reason": "a test"},
    "voltage": {
        k: {"factor": 1, "reason": "a test"} for k in ("false_positive", "population", "ingredients", "spillovers", "cost")
    },
    "decay": {"half_life": None, "reason": "a test"},
    "horizon": 1,
    "currency": "EUR",
    "year": 2024,
    "discount": {"rate": 0.0, "source": "a test"},
    "optimism": {"costs": 0, "benefits": 0, "reason": "a test"},
    "partners": [{"name": "city", "kind": "city"}, {"name": "pupils", "kind": "citizens"}],
    "flows": [
        flow("building", "cost", 500, paid_by="city"),
        flow("learning more", "benefit", 3, per="effect", received_by="pupils"),
    ],
    "draws": 1000,
}  # fmt: skip


def block(**changes):
    """The block with some keys changed: ``voltage={"cost": {...}}`` changes within, lists and other values as a whole."""
    found = copy.deepcopy(BASE)
    for key, value in changes.items():
        inner = found.get(key)
        found[key] = inner | value if isinstance(inner, dict) and isinstance(value, dict) else value
    return found


def choices(**changes):
    return ScaleUp.model_validate(block(**changes))


def effect(estimate=2.0, std_error=0.0, **more):
    return EffectToScale(
        estimate, std_error, **{"unit": "points", "outcome_unit": "points", "label": "test scores", **more}
    )


def outlook(found=None, *, level=0.95, seed=1, **changes):
    """The outlook of a changed block; the effect is known unless one is given."""
    return look_ahead(choices(**changes), effect() if found is None else found, level=level, seed=seed)


def row(table, name):
    """The row of a table by its first column."""
    return table[table.iloc[:, 0] == name].iloc[0]
