"""Switching on and off equals its definition, the authors' package, and Callaway and Sant'Anna where treatment stays on."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, UsageError
from tests.panels import BEFORE, NEVER, drawn, fitted, jackknifed, panel_of

NAME = "chaisemartin_dhaultfoeuille"


def towns():
    """120 towns, 8 years: never, once, for some years, always, until a year, with a gap."""
    rng = np.random.default_rng(5)
    rows = []
    for i in range(120):
        kind, d = i % 6, np.zeros(8, int)
        d[:] = kind > 2
        if kind == 1:
            d[rng.choice([2, 3, 5]) :] = 1
        elif kind == 2:
            s = rng.choice([2, 3, 5])
            d[s : s + rng.integers(1, 4)] = 1
        elif kind == 4:
            d[rng.choice([2, 4]) :] = 0
        elif kind == 5:
            s = rng.choice([2, 4])
            d[s : s + rng.integers(1, 3)] = 0
        y = rng.normal() * 2 + rng.normal(size=8).cumsum() + 0.3 * np.arange(8) + 1.5 * d
        y += 0.5 * np.concatenate([[0], d[:-1]])
        rows += [(i, 2000 + t, d[t], y[t], i // 2) for t in range(8)]
    return pd.DataFrame(rows, columns=["id", "t", "d", "y", "pair"])


def switching(sizes, n_periods, seed, *, off=0.15):
    """Random walks with treatment that is switched on at drawn dates, and off again by chance; three are treated at first."""
    frame = drawn(sizes, n_periods, seed)
    rng = np.random.default_rng(seed + 100)
    d = (frame["t"] >= frame["g"]).to_numpy().reshape(-1, n_periods)
    d = d & ~(rng.random(d.shape) < off)
    d[:3] = True
    d[1, n_periods // 2 :] = False
    d[2, 2] = False
    return frame.assign(d=d.ravel().astype(int))


def fit(frame, *, options=None, **design):
    panel = panel_of(frame)
    return si.estimate(NAME, panel, si.Design.from_panel(panel, **{"treated": "d", **design}), **(options or {}))


def matrices(frame):
    wide = frame.pivot(index="id", columns="t")
    return wide["y"].to_numpy(), wide["d"].to_numpy()


# ---- by the definition -----------------------------------------------------------------------------


def first_switch(d):
    changed = d != d[:, :1]
    return np.where(changed.any(axis=1), changed.argmax(axis=1), 10**6)


def comparisons(y, d, *, anticipation=0, only_never=False):
    """Effects and placebos {(cohort, kind, l): ...} of units alike at first and in their first switch, unit by unit."""
    first, switch, found = d[:, 0], first_switch(d), []
    for at, s in sorted({(a, b) for a, b in zip(first, switch, strict=True) if b < 10**6}):
        base = s - 1 - anticipation
        treated = (first == at) & (switch == s)
        for period in range(base + 1, y.shape[1]):
            others = (first == at) & (switch > (10**6 - 1 if only_never else period + anticipation))
            if base < 0 or not others.any():
                continue
            for outcome in (period, 2 * base - period):
                if outcome < 0:
                    continue
                change, sign = y[:, outcome] - y[:, base], 1 if at == 0 else -1
                influence = np.zeros(len(y))
                for who, of in ((treated, 1), (others, -1)):
                    around = who if who.sum() > 1 else treated | others  # one unit: around the mean of both sides
                    root = np.sqrt(around.sum() / (around.sum() - 1))
                    influence[who] = sign * of * (change[who] - change[around].mean()) / who.sum() * root
                received = np.abs(d[treated][:, s : period + 1] - at).sum(axis=1).mean() if period >= s else 0.0
                now = np.abs(d[treated, outcome] - at).mean() if outcome > base else 0.0
                value = sign * (change[treated].mean() - change[others].mean())
                found.append((outcome - s, treated.sum(), value, influence, received, now, outcome > base))
    return found


def by_definition(y, d, *, normalised=False, **options):
    """Path {event time: (value, error)} and overall."""
    cells, path = comparisons(y, d, **options), {}
    for e in {c[0] for c in cells}:
        at = [c for c in cells if c[0] == e]
        total = sum(c[1] * c[4] for c in at) if normalised and sum(c[4] for c in at) else sum(c[1] for c in at)
        influence = sum(c[1] * c[3] for c in at) / total
        path[e] = sum(c[1] * c[2] for c in at) / total, np.sqrt((influence**2).sum())
    post = [c for c in cells if c[6] and c[0] >= 0]
    total = sum(c[1] * c[5] for c in post)
    influence = sum(c[1] * c[3] for c in post) / total
    return path, (sum(c[1] * c[2] for c in post) / total, np.sqrt((influence**2).sum()))


def stayers(y, d, lag, directions=(0, 1)):
    """DID_M (lag 0) and its placebos as a function of the units' weights, by the definition."""

    def statistic(weight):
        w, total, sum_ = weight[:, 0], 0.0, 0.0
        for t in range(lag + 1, y.shape[1]):
            change = y[:, t - lag] - y[:, t - lag - 1]
            for before in directions:
                same = (d[:, t - 1 - lag : t] == before).all(axis=1)
                moving, staying = same & (d[:, t] != before), same & (d[:, t] == before)
                if moving.any() and staying.any():
                    gap = np.average(change[moving], weights=w[moving]) - np.average(
                        change[staying], weights=w[staying]
                    )
                    sum_ += w[moving].sum() * gap * (1 if before == 0 else -1)
                    total += w[moving].sum()
        return np.array([sum_ / total])

    return statistic


SIZES = {2: 9, 3: 8, 5: 9, NEVER: 12}


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize("only_never", [False, True])
def test_every_event_time_is_as_defined(normalised, anticipation, only_never):
    frame = switching(SIZES, 8, 1)
    y, d = matrices(frame)
    options = {"normalised": normalised, "only_never_switchers": only_never}
    effect = fit(frame, options=options, anticipation=anticipation)
    path, overall = by_definition(y, d, normalised=normalised, anticipation=anticipation, only_never=only_never)
    assert set(effect.path.event_times) == {*path, -1 - anticipation}
    for e, (value, error) in path.items():
        found = effect.path.at(e)
        assert found.value == pytest.approx(value, rel=1e-9, abs=1e-12)  # two ways of adding up
        assert found.std_error is None or found.std_error == pytest.approx(error, rel=1e-8)
    assert effect.overall.value == pytest.approx(overall[0], rel=1e-9)
    assert effect.overall.std_error == pytest.approx(overall[1], rel=1e-8)


@pytest.mark.parametrize("version", ["dynamic", "DID_M"])
def test_switching_on_and_off_are_summarised_apart(version):
    effect = fit(towns(), options={"version": version})
    assert set(effect.summaries) == {"overall", "switchers_on", "switchers_off"}
    low, high = sorted(effect.summaries[k].value for k in ("switchers_on", "switchers_off"))
    assert low < effect.overall.value < high


@pytest.mark.parametrize("seed", [1, 2])
def test_each_switch_against_those_who_stay_is_as_defined(seed):
    frame = switching(SIZES, 7, seed)
    y, d = matrices(frame)
    effect = fit(frame, options={"version": "DID_M"})
    for e in effect.path.event_times:
        statistic = stayers(y, d, -int(e))
        found = effect.path.at(e)
        assert found.value == pytest.approx(statistic(np.ones(y.shape))[0], rel=1e-9)
        variance = jackknifed(statistic, np.ones(y.shape), np.arange(len(y))[:, None])[0, 0]
        assert found.std_error is None or found.std_error == pytest.approx(np.sqrt(variance), rel=1e-6)
    assert effect.path.at(0).value == effect.overall.value


def test_each_switch_against_those_who_stay_by_cluster():
    frame = switching(SIZES, 7, 3).assign(pair=lambda f: f["id"] // 2)
    y, d = matrices(frame)
    effect = fit(frame, options={"version": "DID_M"}, cluster="pair")
    variance = jackknifed(stayers(y, d, 0), np.ones(y.shape), (np.arange(len(y)) // 2)[:, None])[0, 0]
    assert effect.overall.std_error == pytest.approx(np.sqrt(variance), rel=1e-6)  # the jackknife's derivative


# ---- the numbers of the authors' package --------------------------------------------------------------


@pytest.mark.parametrize(
    ("cluster", "errors", "total"),
    [
        (None, [0.157126, 0.228787, 0.303108, 0.415272, 0.141946, 0.251298, 0.340796], 0.330474),
        ("pair", [0.149823, 0.214936, 0.304127, 0.411048, 0.138432, 0.257873, 0.345062], 0.326403),
    ],
)
def test_did_multiplegt_dyn_on_treatment_that_switches_on_and_off(cluster, errors, total):
    # py_did_multiplegt_dyn 0.1.9 of the authors: effects=4, placebo=3
    effect = fit(towns(), options={"effects": 4, "placebos": 3}, cluster=cluster)
    values = [1.555953, 1.703754, 0.963254, 0.472771, 0.146833, -0.160727, 0.133015]
    for e, value, error in zip([0, 1, 2, 3, -2, -3, -4], values, errors, strict=True):
        assert effect.path.at(e).value == pytest.approx(value, abs=5e-7)  # the package prints six digits
        assert effect.path.at(e).std_error == pytest.approx(error, abs=5e-7)
    assert effect.overall.value == pytest.approx(1.649610, abs=5e-7)
    assert effect.overall.std_error == pytest.approx(total, abs=5e-7)
    normalised = fit(towns(), options={"effects": 4, "placebos": 3, "normalised": True}, cluster=cluster).path
    values = [1.555953, 0.946530, 0.401356, 0.168488, 0.146833, -0.089669, 0.057006]
    for e, value in zip([0, 1, 2, 3, -2, -3, -4], values, strict=True):
        assert normalised.at(e).value == pytest.approx(value, abs=5e-7)


# ---- treatment that stays on ---------------------------------------------------------------------------


def staying(seed=7):
    return drawn({BEFORE: 3, 2: 6, 3: 5, 5: 4, NEVER: 8}, 7, seed)


def ways(frame):
    """The four ways of saying who is treated."""
    dates = {u: g for u, g in frame.groupby("id")["g"].first().items() if 0 < g < NEVER}
    frame = frame.assign(d=(frame["t"] >= frame["g"]).astype(int), on=frame["g"].lt(NEVER).astype(int))
    return frame, {"first_treated": {"first_treated": "g"}, "treated": {"treated": "d"}, "cohorts": {"cohorts": dates}}


@pytest.mark.parametrize("way", ["first_treated", "treated", "cohorts"])
def test_where_treatment_stays_on_it_is_callaway_and_santanna_with_controls_not_treated_yet(way):
    frame = staying()
    frame, said = ways(frame[frame["g"] != BEFORE])
    theirs = fitted("callaway_santanna", frame, control="not_yet", base_period="universal")
    ours = fit(frame, **{"treated": None, **said[way]})
    after = [e for e in theirs.path.event_times if e >= 0]
    assert [e for e in ours.path.event_times if e >= 0] == after
    for e in after:
        assert ours.path.at(e).value == pytest.approx(theirs.path.at(e).value, rel=1e-10)
    assert ours.overall.value == pytest.approx(theirs.summaries["simple"].value, rel=1e-10)


@pytest.mark.parametrize("version", ["dynamic", "DID_M"])
def test_a_group_and_its_start_say_it_too(version):
    frame, _ = ways(drawn({3: 6, NEVER: 8}, 6, 8))
    by_group = fit(frame, options={"version": version}, treated=None, group="on", starts=3)
    assert by_group.overall == fit(frame, options={"version": version}).overall


def test_each_switch_against_those_who_stay_is_the_first_period_of_callaway_and_santanna():
    frame, _ = ways(staying())
    theirs = fitted("callaway_santanna", frame[frame["g"] != BEFORE], control="not_yet").path.at(0)
    ours = fit(frame, options={"version": "DID_M"})
    assert ours.overall.value == pytest.approx(theirs.value, rel=1e-10)
    assert ours.overall.std_error == pytest.approx(theirs.std_error, rel=1e-9)  # both with estimated shares


def test_cohorts_and_units_give_the_same_placebos():
    frame, _ = ways(staying(9))
    y, d = matrices(frame)
    effect = fit(frame, options={"version": "DID_M"})
    for e in effect.path.event_times:
        statistic = stayers(y, d, -int(e))
        assert effect.path.at(e).value == pytest.approx(statistic(np.ones(y.shape))[0], rel=1e-9)


@pytest.mark.parametrize("version", ["dynamic", "DID_M"])
def test_weights_and_influence_give_the_overall_effect_and_its_variance(version):
    frame, _ = ways(staying(10))
    effect = fit(frame, options={"version": version})
    means = frame[frame["g"] != BEFORE].pivot_table(index="g", columns="t", values="y").to_numpy()
    assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-9)
    for found in (effect, fit(switching(SIZES, 8, 1), options={"version": version})):
        assert found.influence.covariance()[0, 0] == pytest.approx(found.overall.std_error**2, rel=1e-9)
        assert (found.influence.values**2).sum() == pytest.approx(found.overall.std_error**2, rel=1e-9)


def test_the_minimum_wage_by_the_definition(mpdta):
    frame = mpdta.rename(columns={"treated": "d"})
    y, d = matrices(frame)
    effect = fit(frame)
    path, overall = by_definition(y, d)
    for e, (value, error) in path.items():
        assert effect.path.at(e).value == pytest.approx(value, rel=1e-10)
        assert effect.path.at(e).std_error == pytest.approx(error, rel=1e-9)
    assert effect.overall.std_error == pytest.approx(overall[1], rel=1e-9)


def test_periods_that_are_not_equally_far_apart_are_told_by_the_clock():
    clock = np.array([2000, 2001, 2002, 2004, 2005, 2008])
    frame, _ = ways(drawn({2: 6, 3: 5, NEVER: 8}, 6, 3))
    far = frame.assign(t=clock[frame["t"]])
    theirs = fitted(
        "callaway_santanna", far, first_treated=None, treated="d", control="not_yet", base_period="universal"
    )
    ours = fit(far).path
    for e in (e for e in theirs.path.event_times if e >= 0):
        assert ours.at(e).value == pytest.approx(theirs.path.at(e).value, rel=1e-10)
    assert fit(far, options={"version": "DID_M"}).path.event_times[-1] == 0


# ---- the interval --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["dynamic", "DID_M"])
def test_intervals_cover_where_treatment_switches_on_and_off(version):
    rng = np.random.default_rng(12)
    covered, estimates, errors = 0, [], []
    patterns = np.array([[0] * 5, [0] * 5, [0, 0, 1, 1, 1], [0, 0, 1, 0, 0], [0, 1, 1, 0, 1], [1] * 5, [1, 1, 0, 0, 1]])
    for _ in range(100):
        d = patterns[rng.integers(0, 7, 100)]
        y = rng.normal(size=(100, 1)) + rng.normal(size=(100, 5)).cumsum(axis=1) + 2.0 * d
        frame = pd.DataFrame(
            {"id": np.repeat(range(100), 5), "t": np.tile(range(5), 100), "d": d.ravel(), "y": y.ravel()}
        )
        overall = fit(frame, options={"version": version}).overall
        low, high = overall.interval()
        covered += low <= 2 <= high
        estimates.append(overall.value)
        errors.append(overall.std_error)
    assert covered / 100 >= 0.88  # 95 % within 3.2 standard errors of 100 draws
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.25)
    assert abs(np.mean(estimates) - 2) < 4 * np.std(estimates) / np.sqrt(100)


# ---- reasons, notes, other rooms -------------------------------------------------------------------------


def test_one_switching_unit_has_no_standard_error_and_says_why():
    frame = switching({NEVER: 8}, 6, 4, off=0)
    frame = frame[frame["id"].isin(frame.loc[frame["g"] == NEVER, "id"])]
    d = np.zeros((8, 6), int)
    d[0, 3:5] = 1
    frame = frame.assign(d=d.ravel()).assign(id=np.repeat(range(8), 6))
    for version in ("dynamic", "DID_M"):
        overall = fit(frame, options={"version": version}).summaries.get("switchers_on") or fit(frame).overall
        assert overall.std_error is None
        assert overall.reason.startswith("no standard error: it rests on one switching or one comparison unit")
    mixed = fit(switching(SIZES, 8, 1))
    assert any("is measured around the mean of both sides" in note for note in mixed.notes)
    mixed = fit(switching(SIZES, 8, 1), options={"version": "DID_M"})
    assert any("read its standard error as a lower bound" in note for note in mixed.notes)


def test_notes_say_who_switches_off_who_is_compared_and_how_much_was_undone():
    notes = " ".join(fit(towns()).notes)
    assert "Treatment 'd' switches off in 57 units (2 in 2007, 4 in 2002, 5 in 2004, ...)" in notes
    assert "in 30% of the periods that count the first change was undone" in notes
    assert "although the design says `control: never`" in notes
    assert "although the design" not in " ".join(fit(towns(), control="not_yet").notes)


def test_leaving_out_a_unit_and_the_checks_work_where_treatment_switches_off():
    from scale_impact.checks import check

    panel = panel_of(towns())
    design = si.Design.from_panel(panel, treated="d")
    refit = lambda p, d: si.estimate(NAME, p, d)  # noqa: E731
    found = check("leave_one_out", panel, design, refit)
    assert len(found.details["rows"]) == 120
    without = towns()[lambda f: f["id"] != 7]
    row = next(r for r in found.details["rows"] if r["left_out"] == "7")
    assert row["estimate"] == pytest.approx(fit(without).overall.value, rel=1e-10)
    assert check("bacon", panel, design, refit).verdict == "inapplicable"
    assert check("pre_trends", panel, design, refit).details["q"] == 3


# ---- refusals --------------------------------------------------------------------------------------


def test_cross_sections_are_refused():
    with pytest.raises(DesignError, match="needs a balanced panel"):
        fit(towns(), balance="repeated_cross_sections")


@pytest.mark.parametrize("version", ["dynamic", "DID_M"])
def test_without_anybody_who_keeps_the_treatment_it_is_refused(version):
    d = np.tile([0, 0, 1, 0], (6, 1))
    frame = drawn({NEVER: 6}, 4, 1).assign(d=d.ravel())
    with pytest.raises(DesignError, match="nobody with the same treatment at first keeps it long enough"):
        fit(frame, options={"version": version})


def test_options_that_do_not_fit_the_version_are_refused():
    with pytest.raises(UsageError, match="version DID_M takes no normalised, effects"):
        fit(towns(), options={"version": "DID_M", "normalised": True, "effects": 2})
    with pytest.raises(DesignError, match="allows no anticipation"):
        fit(towns(), options={"version": "DID_M"}, anticipation=1)
    with pytest.raises(UsageError, match="version is 'DIDM'"):
        fit(towns(), options={"version": "DIDM"})
