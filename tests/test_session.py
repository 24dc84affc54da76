"""The module that a notebook imports, and the published numbers recomputed through it."""

import json

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from scale_impact.core.study import StudyFile
from scale_impact.errors import EstimationError, StudyError, UsageError
from scale_impact.session import open_session
from tests.panels import ROOT, with_data
from tests.projects import COLUMNS, STUDY, sha256, towns

PUBLISHED = sorted(p.parent for p in (ROOT / "studies").glob("*/study.yaml"))
TWO = [*STUDY["outcomes"], {"column": "people", "indicator": "inhabitants"}]


# ---- opening --------------------------------------------------------------------------------------------


def test_variables_of_the_notebook_named_like_a_scalar_override_it(place):
    given = {
        "level": 0.8,
        "control": "not_yet",
        "study": "towns",
        "x": 5,
        "overrides": {},
        "open_session": open_session,
    }
    session = open_session("towns", given=given)
    assert session.study.settings.level == 0.8
    assert session.study.settings.design.control == "not_yet"


def test_overrides_win_over_variables(place):
    assert open_session("towns", overrides={"level": 0.7}, given={"level": 0.8}).study.settings.level == 0.7


def test_a_wrong_override_is_refused_when_the_session_opens(place):
    with pytest.raises(StudyError, match="Did you mean 'level'"):
        open_session("towns", overrides={"levl": 0.9})


def test_a_study_with_variants_asks_for_one(place):
    place.study(variants={"early": {"level": 0.9}, "late": {}})
    with pytest.raises(UsageError, match="towns has variants; name one: early, late"):
        open_session("towns")
    assert open_session("towns", variant="early").study.settings.level == 0.9


# ---- data, estimates, checks ------------------------------------------------------------------------------


def test_the_chain_from_data_to_answer(place):
    session = open_session("towns")
    assert list(session.data().columns) == ["town", "year", "jobs", "zone", "start", "people", "ljobs"]
    assert (session.panel().n_units, session.panel().n_periods) == (12, 6)
    assert [session.design().cohort_name(g) for g in range(3)] == ["2003", "2004", "never treated"]
    assert [e.estimator for e in session.estimate()] == ["callaway_santanna", "twfe"]
    assert [c.check for c in session.check()] == [
        "pre_trends",
        "negative_weights",
        "bacon",
    ]  # the latter come with twfe
    assert session.means().shape == (3, 6)
    first = session.estimates().iloc[0]
    assert first["estimate"] == session.estimate()[0].overall.value
    assert list(session.verdicts().columns) == ["verdict", "reason"]


def test_each_answer_is_computed_once(place):
    session = open_session("towns")
    assert session.estimate() is session.estimate()
    assert session.panel("jobs") is session.panel()
    assert session.check() is session.check()


def test_every_outcome_has_its_own_panel_and_effects(place):
    place.study(outcomes=TWO)
    session = open_session("towns")
    assert session.outcomes == ["jobs", "people"]
    assert session.panel("people").outcome == "people"
    assert session.unit("people") == "people"
    assert session.estimate("people")[0].overall.value != session.estimate()[0].overall.value


def test_an_unknown_outcome_names_those_there_are(place):
    with pytest.raises(UsageError, match=r"The study has no outcome 'job'\. It has jobs"):
        open_session("towns").panel("job")


def test_words_of_the_notebook_say_question_source_and_who_is_treated(place):
    session = open_session("towns")
    assert STUDY["question"] in session.question().data
    assert "| `zone` | 0/1 | 1 from the year of the zone on |" in session.source_note().data
    assert "| 2003 | 3 |" in session.design_note().data
    assert "clustered by town" in session.design_note().data
    assert "interval" in session.answer().data


def test_the_chain_where_treatment_switches_off(place):
    frame = towns()
    frame.loc[(frame["town"] == "00001") & (frame["year"] > 2004), "zone"] = 0
    place.data(frame)
    place.study(estimators=["chaisemartin_dhaultfoeuille"], checks=["pre_trends", "leave_one_out", "bacon"])
    session = open_session("towns")
    said = "Treatment 'zone' switches off in 1 unit (00001 in 2005): cohorts are by the first change of treatment."
    assert said in session.design_note().data
    panel, design = session.panel(), session.design()
    for name, values in (("treatment_timing", (panel, design)), ("raw_trends", (panel, design))):
        assert session.figure(name, *values).axes
    for name in ("event_path", "group_effects", "cohort_weights", "bacon"):
        assert session.figure(name, session.estimate()[0]).axes
    assert session.verdicts().loc["bacon", "verdict"] == "inapplicable"
    assert said in session.answer().data


def test_covariates_reach_estimators_that_take_them(place):
    place.study(covariates=["people"], estimators=["twfe"])
    assert open_session("towns").study.settings.covariates == ["people"]
    place.study(covariates=["people"], estimators=["stacked"])
    with pytest.raises((StudyError, EstimationError), match="stacked takes no"):
        open_session("towns").estimate()


def monthly(month):
    """20 towns over 12 months; a zone from the 6th or the 8th month on in every other one."""
    rng = np.random.default_rng(0)
    rows = [
        {"town": f"{u:05d}", "year": month(k), "jobs": rng.normal(), "zone": int(u % 4 < 2 and k >= 5 + 2 * (u % 4)), "start": 0,
         "people": 1, "ljobs": 0.0}
        for u in range(20) for k in range(12)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("estimator", ["callaway_santanna", "event_study"])
def test_months_written_as_decimal_years_are_the_same_event_times_in_every_cohort(place, estimator):
    place.study(estimators=[estimator], checks=[])
    found = []
    for month in (lambda k: k, lambda k: 2001 + k / 12):
        place.data(monthly(month))
        effect = open_session("towns").estimate()[0]
        found.append((len(effect.path), effect.overall.value, effect.path.values.tolist()))
    whole, decimal = found
    assert decimal[0] == whole[0], "event times that differ by rounding alone were taken for two"
    assert decimal[1] == pytest.approx(whole[1])
    assert decimal[2] == pytest.approx(whole[2])


def test_months_written_as_yyyymm_are_not_taken_for_equally_spaced_numbers_in_silence(place):
    # 202112 to 202201 is one month and 89 as numbers: event times of cohorts before and after the turn differ
    place.data(monthly(lambda k: 202106 + k if k < 7 else 202194 + k))
    place.study(estimators=["event_study"], checks=[])
    session = open_session("towns")
    assert any(
        "202112" in note and "202201" in note for note in (*session.design().notes, *session.estimate()[0].notes)
    )


# ---- keeping ----------------------------------------------------------------------------------------------


def test_nothing_is_written_unless_the_notebook_says_where(place):
    before = place.snapshot()
    session = open_session("towns")
    session.figure("raw_trends", session.panel(), session.design())
    assert session.save().startswith("Nothing was written")
    assert place.snapshot() == before


def test_results_go_where_the_notebook_says(place, tmp_path):
    place.study(outcomes=TWO)
    session = open_session("towns", out=str(tmp_path / "out"))
    for outcome in session.outcomes:
        session.figure("raw_trends", session.panel(outcome), session.design(outcome), outcome=outcome)
    said = session.save()
    assert {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")} == {
        "estimates.jsonl", "checks.jsonl", "units.jsonl", "figures/raw_trends.svg", "figures/raw_trends.png",
        "figures/raw_trends_people.svg", "figures/raw_trends_people.png",
    }  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "out/estimates.jsonl").read_text().splitlines()]
    assert said == f"{len(rows)} estimates and 6 checks written."  # pre_trends, and the two that come with twfe
    assert {(r["outcome"], r["role"]) for r in rows} >= {
        ("jobs", "primary"),
        ("jobs", "secondary"),
        ("people", "secondary"),
    }
    assert ("people", "primary") not in {(r["outcome"], r["role"]) for r in rows}


def test_figures_of_an_outcome_stay_in_their_folder_whatever_its_column_is_called(place, tmp_path):
    place.data(towns().assign(**{"../../evil/1000": 1.5}), columns={**COLUMNS, "../../evil/1000": COLUMNS["jobs"]})
    place.study(outcomes=[*STUDY["outcomes"], {"column": "../../evil/1000", "indicator": "jobs"}])
    session = open_session("towns", out=str(tmp_path / "out"))
    odd = session.outcomes[1]
    session.figure("raw_trends", session.panel(odd), session.design(odd), outcome=odd)
    assert sorted(p.name for p in (tmp_path / "out" / "figures").iterdir()) == [
        "raw_trends__evil_1000.png", "raw_trends__evil_1000.svg",
    ]  # fmt: skip


# ---- what is published is what the code gives ----------------------------------------------------------------


def published_runs():
    """Each shipped study, with each of its variants."""
    for folder in PUBLISHED:
        for variant in StudyFile.read(folder).by_variant:
            yield pytest.param(folder, variant, id=f"{folder.name}/{variant}" if variant else folder.name)


each_published = pytest.mark.parametrize("folder, variant", list(published_runs()))


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@each_published
def test_published_estimates_and_checks_are_recomputed(folder, variant, monkeypatch, tmp_path):
    monkeypatch.delenv("SCALE_IMPACT_ROOT", raising=False)
    session = open_session(str(folder), variant=variant, out=str(tmp_path))
    with_data(session.study.settings.source)
    if session.study.settings.template == "holistic_profile":
        session.profile()
    with threadpool_limits(1):  # as it was published: sums in one order
        session.save()
    results = folder / "results" / (variant or "")
    published, recomputed = rows(results / "estimates.jsonl"), rows(tmp_path / "estimates.jsonl")
    assert len(recomputed) == len(published) > 0
    for old, new in zip(published, recomputed, strict=True):
        where = (old["outcome"], old["estimator"], old["label"])
        assert list(old) == list(new)
        for key in [k for k in old if k != "run_id"]:
            if isinstance(old[key], float):
                # 1e-8: other processors and libraries add up in another order
                assert new[key] == pytest.approx(old[key], rel=1e-8, abs=1e-10), (*where, key)
            else:
                assert new[key] == old[key], (*where, key)
    said = ("outcome", "check", "verdict", "reason")
    found = [[row[k] for k in said] for row in rows(tmp_path / "checks.jsonl")]
    assert found == [[row[k] for k in said] for row in rows(results / "checks.jsonl")]


@each_published
def test_the_published_manifest_names_the_published_files(folder, variant):
    results = folder / "results" / (variant or "")
    manifest = json.loads((results / "manifest.json").read_text(encoding="utf-8"))
    files = {p.relative_to(results).as_posix() for p in results.rglob("*") if p.is_file()} - {"manifest.json"}
    assert manifest["outputs"] == {name: sha256(results / name) for name in files}
    assert (manifest["study"], manifest["variant"]) == (folder.name, variant)
