"""Data written in pieces, and streamed panels held against those in memory."""

from functools import cache

import numpy as np
import pandas as pd

import scale_impact as si
from scale_impact.core.cohorts import Scores, cohort_moments
from tests.panels import NEVER


@cache
def database():
    import duckdb

    return duckdb.connect()


def write_parquet(frame, path, *, row_group=122_880):
    """One Parquet file, by DuckDB: pandas needs another package for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    place = str(path).replace("'", "''")
    database().register("frame", frame)
    database().execute(f"COPY frame TO '{place}' (FORMAT parquet, ROW_GROUP_SIZE {row_group})")
    return path


def scattered(frame, folder, *, files=3, order="by unit"):
    """Parquet files whose ends lie within units; rows in order of the unit, of the period, or of none."""
    rows = {"by unit": ["id", "t"], "by period": ["t", "id"]}
    lying = frame.sort_values(rows[order]) if order in rows else frame.sample(frac=1, random_state=3)
    for k, part in enumerate(np.array_split(np.arange(len(frame)), files)):
        write_parquet(lying.iloc[part], folder / f"part-{k}.parquet")
    return folder


def adopters(seed=0, *, n=60, ids="whole", periods=6, dates=False):
    """Long frame with columns id, t, y, g, treated, state: adoption at several dates, never, before and after the data."""
    rng = np.random.default_rng(seed)
    years = np.arange(2000, 2000 + periods)
    first = rng.choice([np.nan, NEVER, 0, 2002, 2003, 2004.5, 2005, 2000, 2010], n)
    number = rng.permutation(n)
    labels = {
        "whole": number,
        "decimal": number + 0.5,
        "text": np.array([f"u{k:03d}" for k in number]),
        "date": np.array(pd.Timestamp(2000, 1, 1) + pd.to_timedelta(number, "D")),
    }[ids]
    y = rng.normal(size=(n, periods)).cumsum(axis=1) + 3 * rng.normal(size=(n, 1))
    frame = pd.DataFrame(
        {
            "id": np.repeat(labels, periods), "t": np.tile(years, n), "y": y.ravel(), "g": np.repeat(first, periods),
            "state": np.repeat(rng.integers(0, 9, n), periods),
        }
    )  # fmt: skip
    frame["treated"] = (frame["t"] >= frame["g"].replace(0, np.nan)).astype(int)
    if dates:
        frame["t"] = pd.to_datetime(frame["t"].astype(str))
        within = frame["g"].where(frame["g"].between(2001, 2005)).round()
        frame["g"] = pd.to_datetime(within.map("{:.0f}-01-01".format).where(within.notna()))
    return frame.sort_values(["id", "t"], ignore_index=True)


def with_gaps(frame, n=25, seed=1):
    """The frame without some rows."""
    gone = np.random.default_rng(seed).choice(len(frame), n, replace=False)
    return frame.drop(index=gone).reset_index(drop=True)


def in_memory(frame, *, unit="id", period="t", outcome="y", missing="refuse", **design):
    panel = si.Panel.from_frame(frame, unit=unit, period=period, outcome=outcome, missing=missing)
    return panel, si.Design.from_panel(panel, **design)


def assert_same(streamed, whole, rel=1e-10):
    """Moments, covariances of arbitrary scores, counts, cohorts and notes agree with those in memory."""
    (panel, design), (known_panel, known) = streamed, whole
    moments, expected = cohort_moments(panel, design), cohort_moments(known_panel, known)
    same_moments(moments, expected, rel)
    scores = some_scores(expected)
    covariance = expected.covariance(scores)
    np.testing.assert_allclose(moments.covariance(scores), covariance, rtol=rel, atol=rel * np.abs(covariance).max())
    assert moments.n_clusters == expected.n_clusters
    assert [str(g) for g in design.first_treated] == [str(g) for g in known.first_treated]
    assert design.starts.tolist() == known.starts.tolist()
    assert design.notes == known.notes
    counts = lambda p: (p.n_units, p.n_obs, p.n_periods, p.balanced, p.missing)  # noqa: E731
    assert counts(panel) == counts(known_panel)


def same_moments(moments, expected, rel=1e-10):
    for name in ("counts", "units", "starts", "clock"):
        assert np.array_equal(getattr(moments, name), getattr(expected, name)), name
    seen = expected.counts > 0
    np.testing.assert_allclose(moments.means[seen], expected.means[seen], rtol=rel)
    np.testing.assert_allclose(moments.scatter, expected.scatter, rtol=0, atol=rel * np.abs(expected.scatter).max())


def some_scores(moments, seed=0, k=4):
    """Arbitrary scores with weights that sum to zero over time."""
    rng = np.random.default_rng(seed)
    g, t = moments.counts.shape
    loadings = rng.normal(size=(k, g, t))
    offsets = rng.normal(size=(k, g) if moments.followed else (k, g, t))
    return Scores(loadings - loadings.mean(axis=2, keepdims=True), offsets, rng.normal(size=(k, g)))
