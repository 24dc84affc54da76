"""The worked example of docs/benchmark.md runs as it stands there, and its table of names is true."""

import dataclasses
import inspect
import re

import pytest

from scale_impact.benchmark.cities import Cities, ContextColumn, Criterion
from scale_impact.core import keys
from scale_impact.core.settings import BenchmarkChoices, Outcome
from scale_impact.core.study_names import STEPS
from tests.panels import ROOT

TEXT = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8")
SECTION = TEXT.split("## From a table to a page", 1)[1].split("\n## ", 1)[0]

HEADINGS = {
    "scores": "Scores", "peers": "Peers", "adjustment": "Context adjustment", "frontier": "Frontier", "rank_bands": "Rank bands",
    "robustness": "Robustness", "change": "Change",
}  # fmt: skip


@pytest.fixture(scope="module")
def made():
    """What the example leaves behind."""
    names: dict[str, object] = {"print": lambda text: names.update(said=text)}
    exec(re.search(r"```python\n(.*?)```", SECTION, flags=re.DOTALL).group(1), names)
    return names


def test_the_example_makes_a_page_with_all_of_its_parts(made):
    page = made["said"]
    assert page.startswith("# Why is Town 7 here?\n\n**Rank ")
    for part in ("What lifts it", "Whom it is compared with", "How far the best are", "How much the weights decide"):
        assert f"\n## {part}" in page
    assert "nan" not in page


def test_its_values_print_as_the_text_says(made):
    for name in ("cities", "scores", "peers", "adjustment", "rank_bands", "frontier", "robustness"):
        assert "\n" not in repr(made[name])
        assert len(repr(made[name])) < 120
        assert name == "cities" or len(made[name].table())


def test_its_names_are_those_of_the_frame_and_of_a_study():
    rows = [
        [re.findall(r"[a-z_]+", cell) for cell in line.split("|")[1:3]]
        for line in SECTION.splitlines()
        if line.startswith("| `")
    ]
    python = {w for row in rows for w in row[0]}
    study = {w for row in rows for w in row[1]}
    fields = {f.name for c in (Criterion, ContextColumn) for f in dataclasses.fields(c)} | set(
        inspect.signature(Cities.from_frame).parameters
    )
    names = {"worst", "best", "weight", "per", "factor", "exposure", "years", "std_errors", "kind", "period", "at"}
    assert python >= names
    assert fields >= names
    own = {"goalposts", "weight", "per", "times", "pooled", "std_error"}
    assert own <= study
    assert own <= set(Outcome.model_fields)
    assert {"context", "at", "before", "scores"} <= set(BenchmarkChoices.model_fields)


@pytest.mark.parametrize("step", STEPS)
def test_each_option_of_a_step_is_named_in_its_section(step):
    section = re.search(rf"^## {HEADINGS[step]}\n(.*?)(?=^## |\Z)", TEXT, flags=re.DOTALL | re.MULTILINE).group(1)
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section)))) | {"level", "seed"}
    assert sorted(set(keys.options("benchmark", step, STEPS[step])) - named) == []
