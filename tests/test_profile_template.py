"""The template of profiles on a study of towns: run, asked for by SQL, and executed again."""

import csv
import io
import json

import pytest

from tests.profiles import profile_project, towns
from tests.projects import command


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    made = profile_project(
        tmp_path_factory.mktemp("published"), towns(40, 5), template="holistic_profile", checks=["pre_trends"]
    )
    made.said = command("run", "towns", cwd=made.root)
    return made


def test_the_shipped_template_runs_on_a_study_with_several_outcomes(published):
    assert published.said.code == 0, published.said.err
    figures = {p.stem for p in (published.results / "figures").glob("*.svg")}
    assert figures >= {"holistic_profile", "raw_trends", "raw_trends_air", "event_path", "treatment_timing"}
    text = (published.results / "executed.ipynb").read_text(encoding="utf-8")
    assert "Gains that stay when all outcomes are counted" in text
    assert "no outcome in this study, so nothing is known there" in text


def test_each_outcome_has_its_check_among_all_outcomes(published):
    rows = [json.loads(line) for line in (published.results / "checks.jsonl").read_text().splitlines()]
    found = {r["outcome"]: r for r in rows if r["check"] == "multiple_testing"}
    assert len(found) == 8
    assert len(found["fibre"]["details"]["outcomes"]) == 8
    assert found["fibre"]["p_value"] == found["fibre"]["details"]["outcomes"]["fibre"]["stepdown"]


def test_indices_are_found_by_a_query(published):
    said = command(
        "evidence", "--where", "outcome like 'index(%' and indicator is null", "--format", "csv", cwd=published.root
    )
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [r["dimension"] for r in rows] == ["technology", "environment", "economy", "health"]
    assert {r["outcome_unit"] for r in rows} == {"standard deviations of untreated units"}


def test_a_profile_comes_out_again_to_the_last_bit(published):
    said = command("verify", "towns", cwd=published.root)
    assert said.code == 0, said.err
    assert said.out.splitlines()[1].split()[:2] == ["towns", "identical"]
