"""Small projects on disk, with a study on data that a test writes, and the command line run on them."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from tests.panels import ROOT

STUDY = {
    "title": "Do zones bring jobs?",
    "question": "Did the zones of six towns bring jobs?",
    "measure": "enterprise_zone",
    "template": "staggered_did",
    "source": "towns",
    "unit": "town",
    "period": "year",
    "outcomes": [{"column": "jobs", "indicator": "jobs"}],
    "treatment": {"treated": "zone"},
    "design": {"control": "never"},
    "estimators": ["callaway_santanna", "twfe"],
    "checks": ["pre_trends"],
}

COLUMNS = {
    "town": {"unit": "none", "meaning": "Code of the town", "type": "text"},
    "year": {"unit": "year", "meaning": "Calendar year"},
    "jobs": {"unit": "jobs", "meaning": "Jobs at the end of the year"},
    "zone": {"unit": "0/1", "meaning": "1 from the year of the zone on"},
    "start": {"unit": "year", "meaning": "First year of the zone; 0 without one"},
    "people": {"unit": "people", "meaning": "Inhabitants"},
    "ljobs": {"unit": "log(jobs)", "meaning": "Natural logarithm of jobs"},
}

INDICATORS = """\
jobs,Jobs,economy,Jobs at the end of the year,jobs,+
inhabitants,Inhabitants,society,Inhabitants at the end of the year,people,0
"""

QUICK = [
    'study = "towns"\nvariant = None\nout = None\noverrides = {}',
    "from scale_impact.session import open_session\n"
    "session = open_session(study, variant=variant, out=out, overrides=overrides, given=globals())",
    "session.estimates()",
    "session.save()",
]
"""Code cells of a template without pictures; the first is tagged parameters."""


def towns(seed=3):
    """12 towns, 2001 to 2006; zones from 2003 in three, from 2004 in three."""
    rng = np.random.default_rng(seed)
    rows = []
    for u, start in enumerate([2003] * 3 + [2004] * 3 + [0] * 6):
        for year, walk in zip(range(2001, 2007), rng.normal(size=6).cumsum(), strict=True):
            zone = int(0 < start <= year)
            jobs = 10 + u + walk + zone
            rows.append((f"{u + 1:05d}", year, jobs, zone, start, 1000 + 10 * u + year % 7, np.log(jobs)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write_yaml(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(value, file)
    return path


def notebook(*code, tag="parameters"):
    """A notebook as text: code cells, the first one tagged."""
    cells = [
        {
            "cell_type": "code", "id": f"cell-{k}", "metadata": {"tags": [tag]} if k == 0 and tag else {},
            "execution_count": None, "outputs": [], "source": source,
        }
        for k, source in enumerate(code)
    ]  # fmt: skip
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@dataclass
class Place:
    """A project folder."""

    root: Path
    said: "Answer | None" = None

    @property
    def results(self):
        return self.root / "studies" / "towns" / "results"

    def study(self, slug="towns", **changes):
        """Write a study.yaml: the usual keys with changes; a key changed to ... is left out."""
        keys = {k: v for k, v in {**STUDY, **changes}.items() if v is not ...}
        return write_yaml(self.root / "studies" / slug / "study.yaml", keys)

    def study_text(self, text, slug="towns"):
        """Write a study.yaml as text or bytes."""
        path = self.root / "studies" / slug / "study.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def data(self, frame=None, *, text=None, file="data/files/towns.csv", columns=None, **card):
        """Write a CSV file and its card; a key of the card given as ... is left out."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text if text is not None else frame.to_csv(index=False)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        keys = {
            "title": "Towns", "origin": "made by a test", "licence": "CC0", "kind": "csv", "file": file,
            "sha256": sha256(path), "columns": COLUMNS if columns is None else columns, **card,
        }  # fmt: skip
        return write_yaml(self.root / "data/sources/towns.yaml", {k: v for k, v in keys.items() if v is not ...})

    def template(self, *code, name="quick", tag="parameters"):
        """Write a template of code cells."""
        path = self.root / "notebooks" / f"{name}.ipynb"
        path.write_text(notebook(*code, tag=tag), encoding="utf-8")
        return path

    def snapshot(self):
        """Content of each file; what the package keeps for itself in `.scale-impact` is left aside."""
        files = [p for p in self.root.rglob("*") if p.is_file()]
        named = {p.relative_to(self.root).as_posix(): p.read_bytes() for p in files}
        return {name: content for name, content in named.items() if not name.startswith(".scale-impact/")}


def project(root):
    """A project with the shipped templates and cards, and the study `towns`."""
    shutil.copytree(ROOT / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(ROOT / "data", root / "data", ignore=shutil.ignore_patterns("raw"))
    with (root / "data/indicators/catalogue.csv").open("a", encoding="utf-8") as file:
        file.write(INDICATORS)
    place = Place(root)
    place.data(towns())
    place.study()
    place.template(*QUICK)
    return place


def joined(place, **south):
    """The study `towns` on a card that adds up two others, `north` and `south`; keys of the second may be changed."""
    columns = {k: COLUMNS[k] for k in ("town", "year", "jobs", "zone")}
    for name, more in (("north", {}), ("south", south)):
        path = place.root / f"data/files/{name}.csv"
        towns(seed=len(name) + len(more)).to_csv(path, index=False)
        keys = {
            "title": f"Jobs in the {name}",
            "origin": "made by a test",
            "licence": "CC0",
            "kind": "csv",
            "file": f"data/files/{name}.csv",
        }
        write_yaml(
            place.root / f"data/sources/{name}.yaml", {**keys, "sha256": sha256(path), **more, "columns": columns}
        )
    query = "SELECT town, year, n.jobs + s.jobs AS jobs, n.zone FROM north n JOIN south s USING (town, year)"
    card = {
        "title": "Both",
        "origin": "made by a test",
        "licence": "CC0",
        "kind": "sql",
        "tables": ["north", "south"],
        "query": query,
        "redistribute": south.get("redistribute", True),
    }
    write_yaml(place.root / "data/sources/both.yaml", {**card, "columns": columns})
    place.study(template="quick", source="both")


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str


def command(*arguments, cwd, **environment):
    """`scale-impact` in a process of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SCALE_IMPACT_")}
    done = subprocess.run(
        [sys.executable, "-c", "from scale_impact.cli import main; main()", *map(str, arguments)],
        cwd=cwd, capture_output=True, env={**kept, **environment}, check=False,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def ran_once(root):
    """A project whose only study, with a quick template, was run. Tests read it or take copies."""
    made = project(root)
    made.study(template="quick")
    made.said = command("run", "towns", cwd=made.root)
    assert made.said.code == 0, made.said.err
    return made
