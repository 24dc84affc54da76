"""Small projects of published rows: studies without data, and papers, on a small catalogue."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS
from scale_impact.core.project import Project

INDICATORS = """\
indicator,name,dimension,definition,unit,direction
jobs,Jobs,economy,Jobs at the end of the year,jobs,+
rents,Rents,economy,Share of income spent on rent,%,-
online,Online services,technology,Share of services that are online,share,+
no2,NO2,environment,Annual mean,ug/m3,-
income,Income,economy,Median income,EUR,0
residents,Residents,context,Residents,people,context
"""

LINE = {
    "paper": "miller-2020", "measure": "zone", "indicator": "jobs", "place": "Northtown", "design": "difference_in_differences",
    "estimate": "12", "std_error": "4", "conversion": "none", "source": "Miller (2020)", "page": "table 2",
}  # fmt: skip


@dataclass
class Place:
    """A project folder."""

    root: Path

    @property
    def project(self):
        return Project(self.root)

    def measure(self, name="zone", **keys):
        expected = keys.pop("expected", ["jobs"])
        risks = keys.pop("risks", ["rents"])
        text = f"title: {name.title()}\nwhat: A {name}.\nmechanism: It works.\nexpected: {json.dumps(expected)}\nrisks: {json.dumps(risks)}\n"
        (self.root / "data/measures" / f"{name}.yaml").write_text(text)

    def card(self, name="towns", **keys):
        (self.root / "data/sources" / f"{name}.yaml").write_text(json.dumps({"title": name, **keys}))

    def papers(self, *lines, name="found", head=None):
        """Write a file of published numbers: the usual line with changes; a cell changed to None is left empty."""
        rows = [{k: v for k, v in {**LINE, **line}.items() if v is not None} for line in lines]
        columns = head or list(dict.fromkeys(k for row in [LINE, *rows] for k in row))
        path = self.root / "data/evidence" / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return path

    def study(
        self, slug, *rows, variant=None, checks=(), units=None, source="towns", plan="0123456789ab", data=None, **keys
    ):
        """Write a study with published rows: the usual overall effect with changes."""
        folder = self.root / "studies" / slug
        run = folder / "results" / (variant or "")
        run.mkdir(parents=True, exist_ok=True)
        (folder / "study.yaml").write_text(json.dumps({"title": slug, "source": source, "unit": "town", **keys}))
        head = {"schema": 1, "study": slug, "variant": variant}
        usual = dict.fromkeys(ESTIMATE_FIELDS) | head | {
            "measure": "zone", "outcome": "jobs", "indicator": "jobs", "dimension": "economy", "direction": "+", "outcome_unit": "jobs",
            "estimator": "callaway_santanna", "role": "primary", "estimand": "ATT", "kind": "overall", "label": "overall", "estimate": 10.0,
            "std_error": 5.0, "level": 0.95, "ci_low": 0.2, "ci_high": 19.8, "plan": plan,
        }  # fmt: skip
        written = [usual | row for row in rows or ({},)]
        (run / "estimates.jsonl").write_text("".join(json.dumps(r) + "\n" for r in written))
        verdicts = {"pre_trends": "pass", **dict(checks)}
        lines = [
            dict.fromkeys(CHECK_FIELDS) | head | {"outcome": "jobs", "check": c, "verdict": v}
            for c, v in verdicts.items()
        ]
        (run / "checks.jsonl").write_text("".join(json.dumps(r) + "\n" for r in lines))
        if units is not None:
            people = [head | {"measure": "zone", "unit": u, "first_treated": t} for u, t in units.items()]
            (run / "units.jsonl").write_text("".join(json.dumps(r) + "\n" for r in people))
        (run / "manifest.json").write_text(json.dumps({"inputs": {"data": data or f"hash of {source}"}}))

    def fails(self, slug, variant=""):
        """A later run of a study failed."""
        folder = self.root / "studies" / slug / "failed" / variant
        folder.mkdir(parents=True)
        (folder / "executed.ipynb").write_text("{}")


def place(root):
    """A project with the measure `zone` and six indicators."""
    for folder in ("notebooks", "studies", "data/sources", "data/measures", "data/indicators"):
        (root / folder).mkdir(parents=True)
    (root / "data/indicators/catalogue.csv").write_text(INDICATORS)
    made = Place(root)
    made.measure()
    made.card()
    return made
