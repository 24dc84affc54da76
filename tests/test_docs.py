"""The documentation is true: its example runs, its links lead somewhere."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tests.panels import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def block(heading, language="yaml"):
    """The first code block under a heading of docs/files.md."""
    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    section = text.split(f"## {heading}", 1)[1]
    return re.search(rf"```{language}\n(.*?)```", section, flags=re.DOTALL).group(1)


def districts():
    """30 districts, 2015 to 2024; zones from 2017, 2018 and 2020 in four each."""
    rng = np.random.default_rng(7)
    rows = []
    for u in range(30):
        start = {0: 2017, 1: 2018, 2: 2020}.get(u // 4, 9999)
        for year in range(2015, 2025):
            zone = int(year >= start)
            rows.append((f"{6000 + u:05d}", year, 42 - 0.8 * (year - 2015) - 4 * zone + rng.normal(), zone))
    return pd.DataFrame(rows, columns=["district", "year", "no2", "zone"])


@pytest.fixture
def project(tmp_path):
    """A project with the files of docs/files.md, word for word, but for the hash."""
    for folder in ("notebooks", "data"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    districts().to_csv(tmp_path / "data" / "my_data.csv", index=False)
    card = re.sub(r"^sha256:.*\n", "", block("The source card"), flags=re.MULTILINE)
    (tmp_path / "data" / "sources" / "my_data.yaml").write_text(card, encoding="utf-8")
    (tmp_path / "data" / "measures" / "low_emission_zone.yaml").write_text(block("The measure"), encoding="utf-8")
    with (tmp_path / "data" / "indicators" / "catalogue.csv").open("a", encoding="utf-8") as file:
        file.write(block("The indicator", "").splitlines()[1] + "\n")
    (tmp_path / "studies" / "my-city").mkdir(parents=True)
    (tmp_path / "studies" / "my-city" / "study.yaml").write_text(block("The study"), encoding="utf-8")
    return tmp_path


def check(folder):
    command = [sys.executable, "-c", "from scale_impact.cli import main; main()", "check", "my-city"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_example_of_docs_files_is_ready_once_its_hash_is_written(project):
    asked = check(project)
    assert asked.returncode == 11
    seen = re.search(r"sha256: ([0-9a-f]{64})", asked.stderr).group(1)
    card = project / "data" / "sources" / "my_data.yaml"
    card.write_text(card.read_text(encoding="utf-8") + f"sha256: {seen}\n", encoding="utf-8")
    ready = check(project)
    assert (ready.returncode, ready.stderr) == (0, "")
    assert "my-city/anticipated: ready to run" in ready.stdout
    assert "my-city/later_controls: ready to run" in ready.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [t for t in targets if not (page.parent / t).exists()]
    assert not missing


def test_every_key_of_a_study_is_documented():
    from scale_impact.core.study import DesignChoices, Settings, Treatment

    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    keys = [*Settings.model_fields, *DesignChoices.model_fields, *Treatment.model_fields]
    assert not [k for k in keys if not re.search(rf"\b{k}\b", text)]


def test_every_key_of_a_source_card_is_documented():
    from scale_impact.core.source import Source

    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    assert not [k for k in Source.model_fields if not re.search(rf"\b{k}\b", text)]


# ---- numbers in words ------------------------------------------------------------------------------------------------------

WITH_A_TABLE = [
    "alliance-demo-measures", "alliance-demo-transfer", "anderson-enterprise-zone", "california-speed-limit", "california-tobacco",
    "california-tobacco-variants", "enterprise-zones-next-city", "indiana-enterprise-zones", "north-andover-incinerator",
    "nyc-congestion-pricing", "restaurant-inspections", "santa-clara-as-published", "santa-clara-digital-tracing",
]  # fmt: skip
"""Studies whose README has a row an estimate; profiles have p-values of all outcomes together beside them."""


def published(slug):
    """Numbers of each overall estimate, and of each estimator over all outcomes."""
    found = []
    for path in sorted((ROOT / "studies" / slug / "results").rglob("estimates.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        by_outcome = {}
        for row in rows:
            if row["kind"] == "overall":
                numbers = [row[k] for k in ("estimate", "std_error", "ci_low", "ci_high", "p_value")]
                by_outcome.setdefault(row["outcome"], []).append([n for n in numbers if n is not None])
        found += [[n for one in same for n in one] for same in zip(*by_outcome.values(), strict=True)]
    return found


@pytest.mark.parametrize("slug", WITH_A_TABLE)
def test_each_row_of_a_studys_table_is_one_published_estimate(slug):
    text = (ROOT / "studies" / slug / "README.md").read_text(encoding="utf-8")
    table = re.search(r"\n((?:\|.*\n)+)", text.split("## What we find")[-1]).group(1)
    results, wrong = published(slug), []
    for line in table.splitlines()[2:]:
        said = re.findall(r"(−?\d+\.\d+)(?! ¹)", line.split("|", 2)[2])
        near = [(float(n.replace("−", "-")), 0.5 * 10 ** -len(n.split(".")[1]) + 1e-9) for n in said]
        if not said or not any(all(any(abs(v - n) <= e for v in one) for n, e in near) for one in results):
            wrong.append(line)
    assert len(table.splitlines()) > 3
    assert not wrong


WITH_A_LEDGER = ["digital-tracing-decision"]
"""Studies whose README has a row a partner: net present value in millions with its interval, and the chance to gain."""


def ledger(slug):
    """What is published of each partner: net present value in millions, its ends, the chance to gain."""
    lines = (ROOT / "studies" / slug / "results" / "estimates.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {(row["estimand"], row["label"]): row for row in map(json.loads, lines)}
    worth = {
        label: [row[k] / 1e6 for k in ("estimate", "ci_low", "ci_high")]
        for (estimand, label), row in rows.items()
        if estimand == "NPV"
    }
    return {label: [*numbers, rows["P_POSITIVE", label]["estimate"]] for label, numbers in worth.items()}


@pytest.mark.parametrize("slug", WITH_A_LEDGER)
def test_the_table_of_a_decision_has_each_partner_as_published(slug):
    text = (ROOT / "studies" / slug / "README.md").read_text(encoding="utf-8")
    table = re.search(r"\n((?:\|.*\n)+)", text.split("## What we find")[-1]).group(1)
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    said = {row[0]: [float(n.replace("−", "-")) for n in re.findall(r"−?\d+\.\d+", " ".join(row[1:]))] for row in cells}
    results = ledger(slug)
    assert list(said) == list(results)
    assert all(said[label] == pytest.approx(results[label], abs=0.005001) for label in said)


WORDS = {14: "fourteen", 33: "Thirty-three"}


def said(pattern):
    return re.search(pattern, (ROOT / "README.md").read_text(encoding="utf-8")).groups()


def test_the_readme_counts_what_there_is():
    from scale_impact.core.keys import names

    estimators = names("estimators")
    one_core = [
        n
        for n in estimators
        if not re.search("counterfactual|core.(synthetic|causal|experiment)", source("estimators", n))
    ]
    assert said(r"\*\*(\S+) estimators\*\*, (\S+) of them on one core") == (
        WORDS[len(estimators)],
        WORDS[len(one_core)],
    )
    indicators = len(pd.read_csv(ROOT / "data" / "indicators" / "catalogue.csv"))
    measures = len(list((ROOT / "data" / "measures").glob("*.yaml")))
    counted = said(r"(\d+) \[indicators\]\(docs/indicators.md\) and (\d+) \[kinds of measure\]")
    assert counted == (str(indicators), str(measures))


def source(room, name):
    return (ROOT / "scale_impact" / room / f"{name}.py").read_text(encoding="utf-8")


def test_each_file_of_reference_numbers_has_a_row_that_says_what_it_is():
    rows = re.findall(
        r"^\| `(\w+\.json)` \|", (ROOT / "tests/reference/README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(rows) == sorted(p.name for p in (ROOT / "tests" / "reference").glob("*.json"))


def test_contributing_names_each_benchmark_that_is_run_by_itself():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = [p for p in (ROOT / "benchmarks").glob("*.py") if "__main__" in p.read_text(encoding="utf-8")]
    together = re.search(r"from benchmarks import (.*)", (ROOT / "benchmarks" / "__main__.py").read_text()).group(1)
    alone = {p.stem for p in files} - {"__main__", *together.split(", ")}
    assert len(alone) > 10
    assert not [name for name in sorted(alone) if f".{name}`" not in text]
