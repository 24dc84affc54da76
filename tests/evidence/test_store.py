"""Lines of JSON: what is written is what is read."""

from scale_impact.evidence.store import read_rows, result_files, write_rows

ROWS = [{"city": "Łódź", "estimate": 0.1 + 0.2, "cohort": None}, {"city": "a\nb", "estimate": -1e-300, "cohort": 1984}]


def test_rows_come_back_as_they_were(tmp_path):
    write_rows(tmp_path / "rows.jsonl", ROWS)
    assert read_rows(tmp_path / "rows.jsonl") == ROWS
    assert (tmp_path / "rows.jsonl").read_text(encoding="utf-8").count("\n") == 2


def test_texts_with_line_separators_stay_one_row(tmp_path):
    rows = [{"city": "a\u2028b\x85c"}]
    write_rows(tmp_path / "rows.jsonl", rows)
    assert read_rows(tmp_path / "rows.jsonl") == rows


def test_no_rows_are_an_empty_file(tmp_path):
    write_rows(tmp_path / "rows.jsonl", [])
    assert read_rows(tmp_path / "rows.jsonl") == []


def test_published_files_of_studies_and_variants_are_found_and_no_others(tmp_path):
    wanted = ["a/results/e.jsonl", "b/results/early/e.jsonl", "b/results/late/e.jsonl"]
    for name in [*wanted, "c/failed/e.jsonl", "d/.results-x1/e.jsonl", "e/e.jsonl", "f/results/x/y/e.jsonl"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text("")
    assert [p.relative_to(tmp_path).as_posix() for p in result_files(tmp_path, "e.jsonl")] == wanted
