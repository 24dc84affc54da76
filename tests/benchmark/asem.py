"""The ASEM example of COINr as cities, and its numbers."""

import json

import numpy as np
import pandas as pd

from scale_impact.benchmark.cities import Cities, ContextColumn, Criterion
from tests.panels import reference, shared

PILLARS = {
    "Physical": "Conn", "ConEcFin": "Conn", "Political": "Conn", "Instit": "Conn", "P2P": "Conn",
    "Environ": "Sust", "Social": "Sust", "SusEcFin": "Sust",
}  # fmt: skip
"""Parents of the pillars."""

AS_COINR = {
    "missing": "group mean", "groups": "EurAsia_group", "outliers": "treat", "hierarchy": PILLARS,
    "coverage": 0, "coverage_in_dimension": 0,
}  # fmt: skip
"""Options that are COINr's choices in its example."""


def metadata():
    meta = pd.read_csv(shared("reference/data/coinr_meta_ind.csv"), keep_default_na=False)
    return meta[meta["Type"] == "Indicator"]


def asem(*, divided=True):
    """51 countries by 49 indicators; ``divided``: from COINr's own denominated values, else from raw ones by `per`."""
    groups = pd.read_csv(shared("reference/data/coinr_ASEM_iData.csv"))
    frame = groups
    if divided:
        frame = pd.read_csv(shared("reference/data/coinr_step_Denominated.csv"))
        frame = frame.merge(groups[["uCode", "EurAsia_group"]], on="uCode")
    criteria = [
        Criterion(r.iCode, r.iName, r.Unit, r.Parent, "+" if int(r.Direction) == 1 else "-",
                  per="" if divided else r.Denominator)
        for r in metadata().itertuples()
    ]  # fmt: skip
    context = [ContextColumn("EurAsia_group", kind="group")]
    return Cities.from_frame(frame, city="uCode", criteria=criteria, context=context)


def step(name, cities):
    """COINr's table of a step, in the order of the cities and criteria."""
    table = pd.read_csv(shared(f"reference/data/coinr_{name}.csv")).set_index("uCode")
    return table.loc[list(cities.labels), [c.column for c in cities.criteria]].to_numpy(float)


def numbers(entry, column, cities):
    """A column of an entry of the reference file, in the order of the cities."""
    values = reference("coinr_asem", entry)
    found = dict(zip(values["uCode"], values[column], strict=True))
    return np.array([found[label] for label in cities.labels], dtype=float)


def details(entry):
    return json.loads(json.dumps(reference("coinr_asem", entry)))
