"""Data around thresholds: drawn, and those of causaldata, as the programs read them that made the reference numbers."""

import numpy as np
import pandas as pd

import scale_impact as si


def drawn(kind):
    """800 observations: `plain`, `wide` (normal), `ties` (40 values), `population` (whole numbers around 5,000)."""
    seed = {"plain": 1, "wide": 2, "ties": 3, "population": 4}[kind]
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, 800) if seed % 2 else rng.normal(0.2, 1, 800)
    x = np.round(x * 20) / 20 if kind == "ties" else np.round(x * 1000) + 5000 if kind == "population" else x
    u = (x - (5000 if kind == "population" else 0)) / np.std(x)
    z = np.column_stack([rng.normal(size=800) + 0.3 * u, rng.uniform(size=800)])
    t = ((u >= 0) * 0.6 + rng.uniform(size=800) * 0.7 > 0.65).astype(float)
    g = rng.integers(0, 60, 800)
    y = np.sin(2 * u) + 0.5 * t + z @ [0.4, -0.3] + 0.3 * rng.normal(size=800) * (1 + 0.5 * (u > 0)) + 0.2 * (u > 0)
    y = y + 0.1 * np.random.default_rng(1).normal(size=60)[g]
    return pd.DataFrame({"y": y, "x": x, "t": t, "g": g, "z1": z[:, 0], "z2": z[:, 1], "all": 1})


def transfers():
    """Government transfers in Uruguay and support for the government (Manacorda, Miguel and Vigorito 2011): treated below 0."""
    import causaldata

    frame = causaldata.gov_transfers.load_pandas().data.dropna()
    names = {"Support": "y", "Income_Centered": "x", "Participation": "t", "Education": "z1", "Age": "z2"}
    return frame.rename(columns=names).assign(all=1).reset_index(drop=True)


def elections():
    """Votes of representatives by their party's share in the election before (Lee, Moretti and Butler 2004)."""
    import causaldata

    frame = causaldata.close_elections_lmb.load_pandas().data.dropna(subset=["lagdemvoteshare"])
    g = pd.factorize(frame["state"].astype(str) + frame["district"].astype(str))[0]
    made = {"y": frame["score"], "x": frame["lagdemvoteshare"], "t": frame["democrat"], "g": g, "all": 1}
    return pd.DataFrame(made).astype(float).reset_index(drop=True)


def mortgages():
    """Home ownership by quarter of birth relative to the Korean War's draft (Fetter 2013): 84 values of the running variable."""
    import causaldata

    frame = causaldata.mortgages.load_pandas().data
    g = frame["bpl"].astype("category").cat.codes
    made = {"y": frame["home_ownership"], "x": frame["qob_minus_kw"], "t": frame["vet_wwko"], "z1": frame["nonwhite"]}
    return pd.DataFrame({**made, "g": g, "all": 1}).astype(float).reset_index(drop=True)


def incomes():
    """The running variable of 52,549 applicants to the transfers (causaldata's gov_transfers_density)."""
    import causaldata

    return causaldata.gov_transfers_density.load_pandas().data.iloc[:, 0].to_numpy(dtype=float)


SOURCES = {"transfers": transfers, "elections": elections, "mortgages": mortgages}
THRESHOLDS = {"population": 5000.0, "elections": 0.5}


def frame_of(name):
    return SOURCES[name]() if name in SOURCES else drawn(name)


def design_of(frame, *, threshold=0.0, outcome="y", covariates=(), **options):
    """A cross-section and its design with a threshold of x."""
    panel = si.Panel.from_frame(frame, unit=None, period="all", outcome=outcome, covariates=covariates)
    return panel, si.Design.from_panel(panel, running="x", threshold=threshold, **options)


def jump(noise=1.0, n=1500, effect=1.0, seed=0, **columns):
    """A straight line with a jump at 0."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, n)
    y = 0.5 * x + effect * (x >= 0) + noise * rng.normal(size=n)
    return pd.DataFrame({"x": x, "y": y, "all": 1, **columns})
