"""The documentation is true: its example runs, its links lead somewhere."""

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
