"""The simulated alliance: what each step of the chain answers, beside the truth that was drawn."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scale_impact.benchmark.scores import score
from scale_impact.core.project import Project
from scale_impact.errors import DesignError
from scale_impact.evidence.cards import Cards
from scale_impact.evidence.gathered import gather
from scale_impact.evidence.query import query
from scale_impact.evidence.store import read_rows
from scale_impact.scaleup.outlook import look_ahead
from scale_impact.session import open_session
from tests.panels import ROOT

FOLDER = ROOT / "data" / "simulated"
RUNS = {
    "lighting": ("smart_lighting", "electricity_use"),
    "zone": ("low_emission_zone", "no2"),
    "budget": ("participatory_budgeting", "local_turnout"),
    "counter": ("digital_counter", "satisfaction_with_digital_services"),
    "waste": ("predictive_waste_collection", "waste_recycled"),
}
ASKS = "Havenmoor"
PAGE = ROOT / "studies" / "alliance-demo" / "README.md"

each_run = pytest.mark.parametrize("run", RUNS)


# ---- the truth, and what the workbench says ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def truth():
    """What each measure does in each city, by run: effect, first treated period, value in the last year."""
    frame = pd.read_csv(FOLDER / "alliance_truth.csv")
    return {run: frame[frame["measure"] == measure].set_index("city") for run, (measure, _) in RUNS.items()}


@pytest.fixture(scope="module")
def transfers():
    return {run: open_session("alliance-demo-transfer", variant=run).transfer() for run in RUNS}


@pytest.fixture(scope="module")
def decisions():
    return {run: open_session("alliance-demo", variant=run).scale_up() for run in RUNS}


@pytest.fixture(scope="module")
def outlooks(decisions, truth):
    """By run: as the transfer predicts, and with the true effect, known exactly."""
    return {run: (one.outlook, with_truth(one, truth[run])) for run, one in decisions.items()}


@pytest.fixture(scope="module")
def benchmark():
    return open_session("alliance-demo-benchmark").benchmark()


@pytest.fixture(scope="module")
def true_ranks(benchmark, truth):
    """Index and ranks by the true values, on the same scale and by the same sum."""
    cities, by_column = benchmark.cities, {column: run for run, (_, column) in RUNS.items()}
    values = [truth[by_column[c.column]]["value"][list(cities.labels)] for c in cities.criteria]
    return score(replace(cities, values=np.column_stack(values)), draws=0)


def with_truth(decision, cities):
    """The same decision where nobody has to guess the effect; what measures it is then of no use."""
    effect = replace(decision.effect, estimate=float(cities["effect"][ASKS]), std_error=0.0, df=None)
    settings = decision.study.settings
    known = decision.chosen.model_copy(update={"measurements": []})
    return look_ahead(known, effect, level=settings.level, seed=settings.seed)


def tried(cities):
    return cities[cities["first_treated"].notna()]


def not_tried(cities):
    return cities[cities["first_treated"].isna()]


def within(values, low, high):
    return (np.asarray(values) >= np.asarray(low)) & (np.asarray(values) <= np.asarray(high))


def usual(hits, of, share):
    """Whether so many hits are no more unusual than 1 in 1,000 of each side, where each comes with this probability."""
    return stats.binom.cdf(hits, of, share) > 0.001 and stats.binom.sf(hits - 1, of, share) > 0.001


def told(study):
    """The README of one of the studies."""
    return (ROOT / "studies" / f"alliance-demo-{study}" / "README.md").read_text(encoding="utf-8")


def overall(run):
    rows = read_rows(ROOT / "studies" / "alliance-demo-measures" / "results" / run / "estimates.jsonl")
    return [r for r in rows if r["kind"] == "overall" and r["estimand"] == "ATT"]


# ---- the data -------------------------------------------------------------------------------------------------------------


def test_the_program_draws_the_files_again_byte_by_byte(tmp_path):
    program = shutil.copy(FOLDER / "make_alliance.py", tmp_path)
    subprocess.run([sys.executable, program], check=True)
    for name in ("alliance.csv", "alliance_truth.csv"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_the_city_that_asks_has_tried_nothing_and_24_have_tried_each_measure(truth):
    for cities in truth.values():
        assert len(tried(cities)) == 24
        assert ASKS in not_tried(cities).index


# ---- impact ---------------------------------------------------------------------------------------------------------------


@each_run
def test_intervals_of_the_effect_hold_what_the_cities_really_got(run, truth):
    cities = tried(truth[run])
    periods = 2022 - cities["first_treated"]  # city and year count alike in both estimators
    real = np.average(cities["effect"], weights=periods)
    rows = overall(run)
    assert [r["estimator"] for r in rows] == ["callaway_santanna", "imputation"]
    assert all(r["ci_low"] <= real <= r["ci_high"] for r in rows)


# ---- transfer -------------------------------------------------------------------------------------------------------------


@each_run
def test_what_the_city_would_really_get_lies_in_its_prediction_interval(run, transfers, truth):
    found = transfers[run].pooled
    assert found.predicted_low <= truth[run]["effect"][ASKS] <= found.predicted_high


@each_run
def test_the_mean_and_how_much_cities_differ_are_found(run, transfers, truth):
    found, real = transfers[run].pooled, tried(truth[run])["effect"]
    assert found.low <= real.mean() <= found.high
    assert found.tau2_low <= real.var() <= found.tau2_high
    assert np.sqrt(found.tau2) == pytest.approx(real.std(), rel=0.7)


@each_run
def test_errors_of_single_cities_are_as_large_as_is_said(run, transfers, truth):
    effects = transfers[run].effects
    missed = effects.effects - truth[run]["effect"][list(effects.labels)].to_numpy()
    squared = missed @ np.linalg.solve(effects.covariance, missed)
    assert 0.001 < stats.chi2.cdf(squared, len(effects)) < 0.999


def test_cities_left_out_have_their_true_effects_in_prediction_intervals_and_seldom_in_the_means(transfers, truth):
    predicted, of_mean, n = 0, 0, 0
    for run, transfer in transfers.items():
        table = transfer.held_out.table().set_index("city")
        real = truth[run]["effect"][table.index]
        predicted += within(real, table["predicted_low"], table["predicted_high"]).sum()
        of_mean += within(real, table["low"], table["high"]).sum()
        n += len(table)
    assert usual(predicted, n, 0.95)
    assert of_mean < 0.65 * n
    assert f"in {predicted} of {n}\ncases (94 %), and in the mean's interval in {of_mean} (51 %)" in told("transfer")


def test_so_have_cities_that_never_tried_though_those_that_did_are_larger(transfers, truth):
    predicted, of_mean = 0, 0
    for run, transfer in transfers.items():
        real, found = not_tried(truth[run])["effect"], transfer.pooled
        predicted += within(real, found.predicted_low, found.predicted_high).sum()
        of_mean += within(real, found.low, found.high).sum()
    assert usual(predicted, 180, 0.95)
    assert of_mean < 0.65 * 180
    assert f"180 cases of cities that never tried, {predicted} (96 %) and {of_mean} (55 %)" in told("transfer")


def test_where_context_decides_the_prediction_by_similarity_is_nearer_to_the_truth(transfers, truth):
    asking = list(not_tried(truth["zone"]).index)[::4]
    missed = {"plain": [], "similar": []}
    for city in asking:
        found = open_session("alliance-demo-transfer", variant="zone", overrides={"transfer.city": city}).transfer()
        real = truth["zone"]["effect"][city]
        missed["plain"].append(found.pooled.mean - real)
        missed["similar"].append(found.expected.weighted.mean - real)
    plain, similar = (np.sqrt(np.mean(np.square(m))) for m in missed.values())
    assert similar < 0.85 * plain


def test_where_context_decides_the_other_cities_get_less_than_those_that_came_first(truth):
    for run in ("lighting", "zone"):
        assert tried(truth[run])["effect"].mean() < not_tried(truth[run])["effect"].mean() < 0


# ---- scale-up -------------------------------------------------------------------------------------------------------------


@each_run
def test_intervals_of_the_net_present_value_hold_the_one_with_the_true_effect(run, outlooks):
    said, real = (outlook.partners.set_index("partner") for outlook in outlooks[run])
    assert list(said.index) == list(real.index)
    assert within(real["npv"], said["low"], said["high"]).all()


@each_run
def test_the_decision_is_the_one_with_the_true_effect_unless_it_asks_to_measure_first(run, outlooks):
    said, real = (outlook.decision for outlook in outlooks[run])
    assert said.decision == real.decision or said.rule == "measure"


def test_decisions_are_of_all_three_kinds_and_one_waits_although_it_should_be_scaled(outlooks):
    told = {
        run: (said.decision.decision, said.decision.rule, real.decision.decision)
        for run, (said, real) in outlooks.items()
    }
    assert told == {
        "lighting": ("scale", "scale", "scale"),
        "zone": ("adapt", "measure", "scale"),
        "budget": ("stop", "harm", "stop"),
        "counter": ("adapt", "payer", "adapt"),
        "waste": ("stop", "harm", "stop"),
    }


# ---- benchmark ------------------------------------------------------------------------------------------------------------


def test_confidence_sets_of_ranks_hold_the_true_ranks(benchmark, true_ranks):
    bands, real = benchmark.bands, true_ranks.ranks
    assert usual(int(within(real, bands.low, bands.high).sum()), 60, 0.95)
    assert within(real, bands.low_all, bands.high_all).all()


def test_the_readme_tells_the_rank_and_the_true_one(benchmark, true_ranks):
    bands, k = benchmark.bands, benchmark.bands.labels.index(ASKS)
    said = f"rank {bands.rank[k]:.0f} of 60; its confidence set is {bands.low[k]:.0f} to {bands.high[k]:.0f}.**"
    assert said in told("benchmark")
    assert f"is {true_ranks.ranks[k]:.0f}. All 60 sets" in told("benchmark")


def test_no_city_is_called_better_than_one_that_is_better_than_it(benchmark, true_ranks):
    beats, real = benchmark.bands.beats, true_ranks.index
    assert f"Of {beats.sum():,} pairs" in told("benchmark")
    assert not (beats & (real[:, None] <= real[None, :])).any()


def test_standard_errors_of_the_index_are_as_large_as_is_said(benchmark, true_ranks):
    scores = benchmark.scores
    squared = (((true_ranks.index - scores.index) / scores.std_errors) ** 2).sum()
    assert 0.001 < stats.chi2.cdf(squared, 60) < 0.999


# ---- nobody takes it for evidence -----------------------------------------------------------------------------------------


def test_each_run_is_marked_as_simulated_and_others_are_not():
    studies = query(ROOT / "studies", table="studies")
    ours = studies["study"].str.startswith("alliance-demo")
    assert studies.loc[ours, "simulated"].all()
    assert not studies.loc[~ours, "simulated"].any()
    assert set(studies.loc[ours, "study"]) >= {"alliance-demo-measures", "alliance-demo-transfer"}


@each_run
def test_it_counts_as_evidence_only_where_that_is_asked_for(run):
    measure, indicator = RUNS[run]
    project = Project.find(ROOT)
    with pytest.raises(DesignError, match="simulated"):
        gather(project, measure, indicator, include=["unfrozen"])
    asked = gather(project, measure, indicator, include=["unfrozen", "simulated"])
    assert asked.labels == (f"alliance-demo-measures/{run}",)


@each_run
def test_a_decision_that_reads_simulated_numbers_is_simulated_too(run):
    assert Cards(Project.find(ROOT)).ground("alliance-demo", run).simulated


def test_titles_say_that_it_is_simulated():
    for path in sorted((ROOT / "studies").glob("alliance-demo*")):
        assert 'title: "Simulated: ' in (path / "study.yaml").read_text(encoding="utf-8")
        assert "simulated" in (path / "README.md").read_text(encoding="utf-8").split("\n## ")[0].lower()


# ---- the tables of the README ---------------------------------------------------------------------------------------------


def rows_of(heading):
    """Cells of the table under a heading, by the run that each row is about."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    found = {row[0]: row[1:] for row in cells[2:]}
    assert list(found) == list(RUNS)
    return found


def same(cell, *values):
    """Whether a cell holds these numbers to the digits that it gives."""
    said = re.findall(r"−?\d+(?:\.\d+)?", cell)
    digits = [len(s.partition(".")[2]) for s in said]
    return len(said) == len(values) and all(
        abs(float(s.replace("−", "-")) - v) <= 0.5 * 10**-d + 1e-9 for s, d, v in zip(said, digits, values, strict=True)
    )


@each_run
def test_the_readme_tells_what_was_found_and_what_is_true(run, transfers, truth):
    att, of_att, real, city, of_city, real_city, tau = rows_of("What measures do, beside the truth")[run]
    row, pooled, cities = overall(run)[0], transfers[run].pooled, tried(truth[run])
    assert same(att, row["estimate"])
    assert same(of_att, row["ci_low"], row["ci_high"])
    assert same(real, np.average(cities["effect"], weights=2022 - cities["first_treated"]))
    assert same(city, pooled.mean)
    assert same(of_city, pooled.predicted_low, pooled.predicted_high)
    assert same(real_city, truth[run]["effect"][ASKS])
    assert same(tau, np.sqrt(pooled.tau2), cities["effect"].std())


@each_run
def test_the_readme_tells_what_was_decided_and_what_would_be(run, outlooks):
    decided, rule, value, of_value, real_decided, real_rule, real_value = rows_of("What is decided, beside the truth")[
        run
    ]
    said, real = outlooks[run]
    assert (decided, real_decided) == (said.decision.decision, real.decision.decision)
    assert (rule, real_rule) == (f"`{said.decision.rule}`", f"`{real.decision.rule}`")
    whole = [outlook.partners.set_index("partner").loc["all partners"] for outlook in (said, real)]
    assert same(value, whole[0]["npv"] / 1e6)
    assert same(of_value, whole[0]["low"] / 1e6, whole[0]["high"] / 1e6)
    assert same(real_value, whole[1]["npv"] / 1e6)


def test_who_says_scale_without_having_answered_the_checklist_is_told_to_get_ready():
    card = open_session("alliance-demo", variant="lighting").scale_up().card
    assert (card.decision, card.headline) == ("scale", "Scale it up, once it is ready")
    assert card.part("next").sentences[0] == "Scale it up, once it is ready."
