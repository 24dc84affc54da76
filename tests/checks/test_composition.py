"""Who enters and leaves: differences of means by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import scale_impact as si
from scale_impact.errors import DataError
from tests.panels import drawn, jackknifed, panel_of

NEVER = np.inf


def checked(frame, *, panel=None, options=None, **design):
    panel = panel or panel_of(frame)
    chosen = si.Design.from_panel(panel, **{"first_treated": "g", **design})
    return si.check(
        "composition", panel, chosen, lambda p, d: si.estimate("callaway_santanna", p, d), **(options or {})
    )


def gappy(seed=1, leave=0.15, treated_leave=None, sizes=None):
    """Rows are dropped at random; `treated_leave` is the share dropped of treated rows."""
    rng = np.random.default_rng(seed)
    frame = drawn(sizes or {2: 30, 4: 20, NEVER: 60}, 6, seed=seed).sort_values(["id", "t"], ignore_index=True)
    share = np.where(frame["t"] >= frame["g"], leave if treated_leave is None else treated_leave, leave)
    kept = rng.random(len(frame)) > share
    kept |= frame["t"] == 0
    return frame[kept]


def test_in_a_complete_panel_nobody_enters_or_leaves():
    found = checked(drawn({2: 3, NEVER: 4}, 4, seed=1))
    assert found.verdict == "pass"
    assert found.reason == "Each of 7 units is observed in each of 4 periods: nobody enters or leaves."


@pytest.mark.parametrize("balance", ["drop", "repeated_cross_sections"])
def test_observation_is_compared_by_difference_in_differences_over_all_units(balance):
    frame = gappy()
    row = checked(frame, balance=balance).details["rows"][0]
    seen = frame.assign(one=1.0).pivot(index="id", columns="t", values="one").fillna(0.0).to_numpy()
    start = frame.groupby("id")["g"].first().to_numpy()

    changes = {g: seen[:, g:].mean(axis=1) - seen[:, :g].mean(axis=1) for g in (2, 4)}
    share = {2: 30 / 50, 4: 20 / 50}
    never = start == NEVER
    by_hand = sum(share[g] * (changes[g][start == g].mean() - changes[g][never].mean()) for g in (2, 4))
    mixed = sum(share[g] * changes[g] for g in (2, 4))[never]  # what the never treated are in both comparisons
    parts = [share[g] ** 2 * changes[g][start == g].var(ddof=1) / (start == g).sum() for g in (2, 4)]
    parts.append(mixed.var(ddof=1) / never.sum())
    df = sum(parts) ** 2 / sum(v**2 / (n - 1) for v, n in zip(parts, (30, 20, 60), strict=True))
    assert row["estimate"] == pytest.approx(by_hand)
    assert row["std_error"] == pytest.approx(np.sqrt(sum(parts)))
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(by_hand) / np.sqrt(sum(parts)), df))


def test_clusters_stay_together():
    frame = gappy()
    frame["region"] = frame["id"] % 10
    row = checked(frame, balance="drop", cluster="region").details["rows"][0]
    seen = frame.assign(one=1.0).pivot(index="id", columns="t", values="one").fillna(0.0).to_numpy()
    start = frame.groupby("id")["g"].first().to_numpy()

    def did(weight):
        parts = []
        for g in (2, 4):
            c = seen[:, g:].mean(axis=1) - seen[:, :g].mean(axis=1)
            parts.append(
                np.average(c[start == g], weights=weight[start == g])
                - np.average(c[start == NEVER], weights=weight[start == NEVER])
            )
        return np.array([np.average(parts, weights=[30, 20])])

    variance = jackknifed(did, np.ones(len(start)), np.unique(frame["id"]) % 10)[0, 0]
    assert row["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-6)


def test_shares_observed_are_those_of_the_treated_and_the_others_before_and_after():
    frame = gappy(sizes={2: 30, NEVER: 60})
    observed = checked(frame, balance="drop").details["observed"]
    for name, finite, n in (("treated", True, 30), ("untreated", False, 60)):
        part = frame[np.isfinite(frame["g"]) == finite]
        assert observed[name]["before"] == pytest.approx((part["t"] < 2).sum() / (2 * n))
        assert observed[name]["after"] == pytest.approx((part["t"] >= 2).sum() / (4 * n))


def test_treated_units_that_drop_out_fail():
    frame = gappy(treated_leave=0.5)
    found = checked(frame, balance="repeated_cross_sections")
    assert found.verdict == "fail"
    assert "who is observed changed with the measure" in found.reason
    assert checked(gappy(), balance="repeated_cross_sections").verdict == "pass"


def test_units_left_out_are_compared_with_those_kept_before_the_measure():
    frame = gappy()
    rows = checked(frame, balance="drop").details["rows"]
    complete = frame.groupby("id")["t"].transform("size") == 6
    before = frame[frame["t"] < 2].groupby(["id", complete[frame["t"] < 2]])["y"].mean()
    kept, gone = (before.xs(value, level=1) for value in (True, False))
    assert "left out against those kept" in rows[1]["what"]
    assert rows[1]["estimate"] == pytest.approx(gone.mean() - kept.mean())
    welch = stats.ttest_ind(gone, kept, equal_var=False)
    assert rows[1]["p_value"] == pytest.approx(welch.pvalue)


def test_units_left_out_that_are_unlike_the_others_fail():
    frame = gappy()
    complete = frame.groupby("id")["t"].transform("size") == 6
    found = checked(frame.assign(y=frame["y"] + 20 * ~complete), balance="drop")
    assert found.verdict == "fail"
    assert "not about all" in found.reason


def test_rows_without_an_outcome_count_as_not_observed():
    frame = drawn({2: 30, 4: 20, NEVER: 60}, 6, seed=1)
    kept = gappy()
    seen = frame.merge(kept[["id", "t"]], how="left", indicator=True)["_merge"] == "both"
    frame["y"] = frame["y"].where(seen.to_numpy())
    panel = panel_of(frame, missing="drop")
    one, other = checked(frame, panel=panel, balance="drop"), checked(kept, balance="drop")
    assert one.details["rows"][0]["estimate"] == pytest.approx(other.details["rows"][0]["estimate"])


def test_in_cross_sections_the_groups_share_and_characteristics_are_compared(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice", covariates=["age"])
    found = checked(None, panel=panel, first_treated=None, group="nearinc", starts=1981)
    share = kielmc.groupby("year")["nearinc"].agg(["mean", "size"])
    first, second = found.details["rows"]
    assert first["estimate"] == pytest.approx(share.loc[1981, "mean"] - share.loc[1978, "mean"])
    variance = (share["mean"] * (1 - share["mean"]) / (share["size"] - 1)).sum()
    assert first["std_error"] == pytest.approx(np.sqrt(variance))
    cells = kielmc.groupby(["nearinc", "year"])["age"].agg(["mean", "var", "size"])
    m = cells["mean"]
    assert second["estimate"] == pytest.approx(m[1, 1981] - m[1, 1978] - m[0, 1981] + m[0, 1978])
    assert second["std_error"] == pytest.approx(np.sqrt((cells["var"] / cells["size"]).sum()))
    assert found.verdict == "pass"


def test_a_group_that_grows_at_the_measure_fails():
    rng = np.random.default_rng(1)
    t = np.repeat([0, 1], 400)
    near = rng.random(800) < np.where(t == 1, 0.6, 0.3)
    frame = pd.DataFrame({"t": t, "near": near.astype(int), "y": rng.normal(size=800)})
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    found = checked(None, panel=panel, first_treated=None, group="near", starts=1)
    assert found.verdict == "fail"
    assert "share of observations in group 1" in found.reason


def test_characteristics_of_incomplete_panels_are_compared_where_each_observation_counts():
    frame = gappy()
    frame["size"] = np.random.default_rng(3).normal(size=len(frame))
    rows = checked(frame, balance="repeated_cross_sections", options={"characteristics": ["size"]}).details["rows"]
    m = frame.groupby(["g", "t"])["size"].mean().unstack()
    changes = [m.loc[g].to_numpy() - m.loc[NEVER].to_numpy() for g in (2, 4)]
    parts = [c[g:].mean() - c[:g].mean() for c, g in zip(changes, (2, 4), strict=True)]
    assert rows[1]["what"].startswith("size, treated against others")
    assert rows[1]["estimate"] == pytest.approx(np.average(parts, weights=[30, 20]))


def test_a_characteristic_that_is_no_number_is_refused(kielmc):
    panel = si.Panel.from_frame(kielmc.assign(kind="house"), unit=None, period="year", outcome="lrprice")
    with pytest.raises(DataError, match="'kind' holds no numbers"):
        checked(
            None, panel=panel, first_treated=None, group="nearinc", starts=1981, options={"characteristics": ["kind"]}
        )


def test_counties_with_gaps(mpdta_unbalanced):
    for balance in ("drop", "repeated_cross_sections"):
        found = checked(mpdta_unbalanced, balance=balance)
        assert found.verdict == "pass"
        assert "147 of 500 units are not observed in each period" in found.reason
