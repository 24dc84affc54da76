"""Options of each step as Python gives them: what no study file could say is refused, and values print in one line."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.adjustment import adjust
from scale_impact.benchmark.change import compare
from scale_impact.benchmark.cities import Cities, ContextColumn, Criterion
from scale_impact.benchmark.count_bands import bands_of_counts
from scale_impact.benchmark.frontier import envelop
from scale_impact.benchmark.peers import find_peers, stability
from scale_impact.benchmark.rank_bands import bands
from scale_impact.benchmark.robustness import examine
from scale_impact.benchmark.scores import score
from scale_impact.core import keys
from scale_impact.core.study_names import STEPS
from scale_impact.errors import DesignError, UsageError

N = 40


def made(seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "city": [f"C{k:02d}" for k in range(N)],
            "jobs": rng.normal(50, 8, N),
            "air": rng.normal(30, 5, N),
            "trips": rng.normal(40, 6, N),
            "people": np.exp(rng.normal(11, 1, N)),
            "region": rng.choice(list("ns"), N),
        }
    )
    criteria = [
        Criterion("jobs", "Jobs", "%", "economy", "+", worst=0, best=100),
        Criterion("air", "Air", "µg/m³", "health", "-", worst=100, best=0),
        Criterion("trips", "Trips", "%", "health", "+", worst=0, best=100),
    ]
    return Cities.from_frame(
        frame, city="city", criteria=criteria, context=["people", ContextColumn("region", kind="group")]
    )


CITIES = made()
SCORES = score(CITIES)
CONTEXT = CITIES.context
PEERS = find_peers(CONTEXT)

CALLS = {
    score: (CITIES,),
    find_peers: (CONTEXT,),
    stability: (PEERS,),
    adjust: (CONTEXT, SCORES.index),
    envelop: (SCORES.dimension_scores, CONTEXT, list(SCORES.dimensions)),
    bands: (CITIES.labels, SCORES.index, np.ones(N)),
    bands_of_counts: (CITIES.labels, np.arange(N)),
    examine: (SCORES,),
    compare: ({2020: SCORES, 2021: score(made(2))},),
}


@pytest.mark.parametrize(
    ("step", "option", "word", "near"),
    [
        (score, "normaliser", "zscores", "zscore"),
        (score, "normaliser", "Minmax", "minmax"),
        (score, "normaliser", "nonsense", None),
        (score, "aggregation", "geometrical", "geometric"),
        (score, "aggregation", "median", None),
        (score, "missing", "mode", None),
        (score, "outliers", "winsorize", "winsorise"),
        (score, "weights", "eqal", "equal"),
        (score, "weights", "doubt", None),
        (score, "dimension_weights", "foo", None),
        (score, "beyond", "cut", None),
        (find_peers, "method", "gowr", "gower"),
        (stability, "cities", "C01", None),
        (adjust, "method", "lasso", None),
        (adjust, "tails", "togehter", "together"),
        (envelop, "method", "order-m", "order_m"),
        (envelop, "hull", "free", None),
        (bands, "method", "Bonferroni", "bonferroni"),
        (bands, "side", "both", None),
        (bands, "better", "hi", None),
        (bands_of_counts, "method", "Holm", "holm"),
        (examine, "weights", "nera", "near"),
        (examine, "of", "dimension", "dimensions"),
        (examine, "choices", "weights", None),
        (compare, "keep_broken", "yes", None),
    ],
)
def test_a_word_that_is_no_option_is_refused_with_the_nearest_that_is(step, option, word, near):
    with pytest.raises(UsageError) as caught:
        step(*CALLS[step], **{option: word})
    (told,) = caught.value.problems
    assert told.startswith(f"{step.__name__}: {option} is {word!r}: it should be ")
    assert told.endswith(f" Did you mean {near!r}?") == (near is not None)


def test_a_word_given_by_its_place_is_looked_at_too():
    with pytest.raises(UsageError, match="bands: better is 'hi': it should be 'high' or 'low'"):
        bands(CITIES.labels, SCORES.index, None, None, None, "hi")


@pytest.mark.parametrize("step", CALLS)
def test_an_option_that_there_is_not_is_refused_by_name(step):
    with pytest.raises(UsageError, match=f"{step.__name__} takes no option 'sead'"):
        step(*CALLS[step], sead=1)


def test_python_and_a_study_file_refuse_the_same_words():
    given = {"normaliser": "zscores", "missing": "mode", "draws": 0.5, "experts": 3}
    with pytest.raises(UsageError) as caught:
        score(CITIES, **given)
    in_a_file = keys.wrong_options("benchmark", "scores", "score", given)
    assert [p.partition(": ")[2] for p in caught.value.problems] == [p.partition(": ")[2] for p in in_a_file]


def test_each_step_that_a_study_names_is_checked_when_it_is_called():
    for step, function in STEPS.items():
        assert hasattr(keys.load("benchmark", step, function), "__wrapped__")


def test_tuples_and_numbers_of_numpy_are_taken():
    made_so = score(CITIES, scale=(1, 100), normaliser="minmax", draws=np.int64(5), coverage=np.float32(0.5))
    assert made_so.recipe.scale == (1.0, 100.0)
    assert find_peers(CONTEXT, log=("people",), number=np.int64(3)).recipe.log == ("people",)


def test_values_print_in_one_short_line():
    values = {
        repr(CITIES): "Cities(40 cities, 3 indicators, 2 context variables)",
        repr(CONTEXT): "Context(40 cities; people, region)",
        repr(SCORES): "Scores(40 cities, 3 indicators, 2 dimensions; goalposts)",
        repr(bands(*CALLS[bands])): "RankBands(40 cities; level 0.95, stepdown)",
        repr(examine(SCORES, choices=[], leavers=0, draws=200)): "Robustness(40 cities; 200 weight sets)",
        repr(compare(*CALLS[compare])): "Changes(40 cities, 2020 to 2021)",
        repr(envelop(*CALLS[envelop], draws=0)): "Frontier(40 cities, 2 dimensions; benefit_of_the_doubt)",
    }
    assert list(values) == list(values.values())
    assert repr(PEERS).startswith("Peers(40 cities")
    assert repr(PEERS).endswith("2 context variables; mahalanobis)")
    assert repr(adjust(*CALLS[adjust])).startswith(
        "ContextAdjustment(40 cities, 2 context variables; ridge, explained "
    )


def test_a_printed_value_says_how_many_have_no_answer():
    values = np.r_[np.nan, np.arange(N - 1.0)]
    assert repr(bands(CITIES.labels, values)) == "RankBands(40 cities, 1 of them without a rank; level 0.95, stepdown)"


def test_a_value_beyond_a_goalpost_says_where_to_write_what_in_a_call_and_in_a_study():
    narrow = Criterion("jobs", "Jobs", "%", "economy", "+", worst=0, best=50)
    frame = pd.DataFrame({"city": CITIES.labels, "jobs": CITIES.values[:, 0]})
    cities = Cities.from_frame(frame, city="city", criteria=[narrow])
    with pytest.raises(DesignError) as caught:
        score(cities)
    (told,) = caught.value.problems
    assert 'in all indicators: beyond="clip" of score, in study.yaml benchmark: {scores: {beyond: clip}}.' in told
    assert score(cities, beyond="clip").normalised.max() == 100
