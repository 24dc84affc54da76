"""Towns with outcomes in several dimensions and effects that are known, as a project with a study on them."""

import numpy as np
import pandas as pd

from tests.projects import project

EFFECTS = {"fibre": 2.0, "noise": -1.5, "air": 1.2, "jobs2": 0.0, "rent": 0.0, "mix": -2.5, "trips": 0.8, "pool": 1.0}
"""In points; what is better is in INDICATORS: fibre, noise and pool gain, air is harmed, mix leaves its target of 50."""

INDICATORS = {
    "fibre": ("technology", "+"), "noise": ("environment", "-"), "air": ("environment", "-"), "jobs2": ("economy", "+"),
    "rent": ("economy", "-"), "mix": ("economy", "target 50"), "trips": ("mobility", "0"), "pool": ("health", "+"),
}  # fmt: skip

TEMPLATE = [
    'study = "towns"\nvariant = None\nout = None\noverrides = {}',
    "from scale_impact.session import open_session\n"
    "session = open_session(study, variant=variant, out=out, overrides=overrides, given=globals())",
    "profile = session.profile()",
    'session.figure("holistic_profile", profile)',
    "session.save()",
]


def towns(n=60, periods=6, seed=1, effects=None):
    """Towns, 2001 on; the measure comes to a quarter in 2003 and to a quarter in 2004; errors of outcomes move together."""
    rng = np.random.default_rng(seed)
    starts = np.repeat([2003, 2004, 0], [n // 4, n // 4, n - 2 * (n // 4)])
    frame = pd.DataFrame(
        {"town": np.repeat([f"{u:05d}" for u in range(n)], periods), "year": np.tile(2001 + np.arange(periods), n)}
    )
    start = np.repeat(starts, periods)
    frame["zone"] = ((start > 0) & (frame["year"] >= start)).astype(int)
    common = np.repeat(rng.normal(size=n), periods)
    for name, effect in (EFFECTS if effects is None else effects).items():
        level = 50 + 2 * (common + np.repeat(rng.normal(size=n), periods))
        frame[name] = level + rng.normal(size=n * periods) + 0.3 * (frame["year"] - 2001) + effect * frame["zone"]
    return frame


def profile_project(root, frame=None, *, indicators=None, **study):
    """A project whose study has an outcome for each indicator; the catalogue has a line for each."""
    made = project(root)
    lines = INDICATORS if indicators is None else indicators
    with (root / "data/indicators/catalogue.csv").open("a", encoding="utf-8") as file:
        for name, (dimension, direction) in lines.items():
            file.write(f"p_{name},The {name},{dimension},What it is,points,{direction}\n")
    frame = towns() if frame is None else frame
    kinds = {"town": "none", "year": "year", "zone": "0/1"}
    columns = {c: {"unit": kinds.get(c, "points"), "meaning": c} for c in frame}
    columns["town"]["type"] = "text"
    made.data(frame, columns=columns)
    outcomes = [{"column": name, "indicator": f"p_{name}"} for name in lines]
    made.template(*TEMPLATE, name="profile")
    made.study(
        **{"outcomes": outcomes, "estimators": ["callaway_santanna"], "checks": [], "template": "profile", **study}
    )
    return made
