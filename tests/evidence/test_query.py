"""All studies' rows as tables, where they lie."""

import json

import duckdb
import pandas as pd
import pytest

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS
from scale_impact.errors import SourceError, UsageError
from scale_impact.evidence.query import as_parquet, query


def line(**values):
    usual = dict.fromkeys(ESTIMATE_FIELDS) | {"schema": 1, "kind": "overall", "estimator": "twfe"}
    return json.dumps({**usual, **values}) + "\n"


@pytest.fixture
def studies(tmp_path):
    """Two studies; one has a cohort's effect too, and a check."""
    for slug, text in {
        "zones": line(study="zones", estimate=0.1 + 0.2, n_units=22)
        + line(study="zones", estimate=1 / 3, kind="cohort", cohort=1984, std_error=None),
        "air": line(study="air", estimate=-2.0, cohort="2020-05-01"),
    }.items():
        (tmp_path / slug / "results").mkdir(parents=True)
        (tmp_path / slug / "results" / "estimates.jsonl").write_text(text)
    row = dict.fromkeys(CHECK_FIELDS) | {
        "schema": 1,
        "study": "zones",
        "check": "bacon",
        "details": {"weights": [0.5, 0.5]},
    }
    (tmp_path / "zones/results/checks.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path


def test_the_overall_estimates_of_all_studies_are_the_usual_answer(studies):
    found = query(studies)
    assert list(found.columns) == list(ESTIMATE_FIELDS)
    assert found[["study", "estimate"]].to_numpy().tolist() == [["air", -2.0], ["zones", 0.1 + 0.2]]


def test_a_condition_chooses_among_all_kinds(studies):
    assert query(studies, where="kind = 'cohort'")["estimate"].tolist() == [1 / 3]
    assert len(query(studies, where="true -- and a comment")) == 3


def test_numbers_are_numbers_and_labels_are_texts(studies):
    found = query(studies, where="true")
    assert found["estimate"].dtype == float
    assert set(found["cohort"].dropna()) == {"1984", "2020-05-01"}
    assert found["std_error"].isna().all()


def test_rows_from_before_there_were_plans_have_none(studies):
    old = json.loads(line(study="air", estimate=1.0))
    del old["plan"], old["deviations"]
    (studies / "air/results/estimates.jsonl").write_text(json.dumps(old) + "\n")
    (studies / "zones/results/estimates.jsonl").write_text(
        line(study="zones", plan="0123456789ab", deviations="level: 0.9")
    )
    found = query(studies, sql="SELECT study, plan, deviations FROM estimates ORDER BY study")
    assert found.astype(object).where(found.notna(), None).to_numpy().tolist() == [
        ["air", None, None],
        ["zones", "0123456789ab", "level: 0.9"],
    ]


def test_details_of_checks_can_be_asked_for(studies):
    found = query(studies, sql="SELECT CAST(details -> 'weights' ->> 0 AS DOUBLE) AS w FROM checks")
    assert found["w"].tolist() == [0.5]


def test_without_results_the_tables_are_empty_and_have_their_columns(tmp_path):
    assert list(query(tmp_path).columns) == list(ESTIMATE_FIELDS)
    assert list(query(tmp_path, sql="SELECT * FROM checks").columns) == list(CHECK_FIELDS)
    assert len(query(tmp_path / "nowhere")) == 0


def test_a_condition_and_a_whole_query_are_not_given_together(studies):
    with pytest.raises(UsageError, match="not both"):
        query(studies, where="true", sql="SELECT 1")


def test_a_condition_stays_a_condition(studies):
    for where in ("true; DROP TABLE estimates", "true) UNION SELECT * FROM checks --", "("):
        with pytest.raises(UsageError, match="cannot be answered"):
            query(studies, where=where)


def test_a_damaged_file_is_refused_by_name(studies):
    (studies / "air/results/estimates.jsonl").write_text('{"schema": 1, "stu')
    with pytest.raises(SourceError, match=r"air/results/estimates\.jsonl"):
        query(studies)


def test_rows_of_another_schema_are_refused(studies):
    (studies / "air/results/estimates.jsonl").write_text('{"schema": 2}\n{"other": 1}\n')
    with pytest.raises(SourceError, match="2 rows of estimates are not of schema 1"):
        query(studies)


def test_parquet_holds_the_same_numbers_nulls_and_types(studies, tmp_path):
    found = query(studies, where="true")
    (tmp_path / "rows.parquet").write_bytes(as_parquet(found))
    back = duckdb.sql(f"SELECT * FROM '{tmp_path / 'rows.parquet'}'")
    types = dict(zip(back.columns, map(str, back.types), strict=True))
    assert {types[c] for c in ("study", "variant", "cohort", "inference")} == {"VARCHAR"}
    assert {types[c] for c in ("estimate", "std_error", "df", "p_value")} == {"DOUBLE"}
    assert back.df()["estimate"].tolist() == found["estimate"].tolist()
    assert duckdb.sql(f"SELECT count(std_error) FROM '{tmp_path / 'rows.parquet'}'").fetchone() == (0,)


def test_a_frame_handed_to_parquet_stays_as_it_was():
    frame = pd.DataFrame({"a": [None, None], "b": [1.0, 2.0]}, dtype=object)
    before = frame.copy()
    as_parquet(frame)
    pd.testing.assert_frame_equal(frame, before)
