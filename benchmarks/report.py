"""``scale_impact.report.site.write_site`` of 500 studies, and the size of its largest page.

Each study has the published run of `indiana-enterprise-zones` under a name, a title and a measure of its own: some 200 estimates, 12
checks, 20 figures and an executed notebook of 1.5 MB. Nothing is executed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from benchmarks.timing import line, seconds
from scale_impact.core.project import Project
from scale_impact.report.pages import LIMIT
from scale_impact.report.site import write_site

STUDIES = 500
LIMIT_SECONDS = 60.0
ROOT = Path(__file__).resolve().parents[1]
MODEL = "indiana-enterprise-zones"


def main() -> bool:
    """Print the table; whether all limits are held."""
    with tempfile.TemporaryDirectory() as folder:
        root = project(Path(folder) / "project")
        out = Path(folder) / "site"
        before = sum(os.times()[:4])
        took = seconds(lambda: write_site(Project(root), out))
        used = sum(os.times()[:4]) - before
        sizes = {path: path.stat().st_size for path in out.rglob("*") if path.is_file()}
        pages = {path: size for path, size in sizes.items() if path.suffix == ".html"}
        shared = sum(path.stat().st_size for path in (out / "assets").iterdir())
        print(
            f"{len(pages):,} pages, {sum(sizes.values()) / 1e6:,.0f} MB in all; shared assets {shared / 1e3:,.0f} kB; {used:.1f} s of processor"
        )
        held = line(f"report of {STUDIES} studies", took, LIMIT_SECONDS, "s")
        held &= line("its largest page", max(pages.values()) / 1e3, LIMIT / 1e3, "kB")
    return held


def project(root: Path) -> Path:
    """A project of many published studies, with this one's templates and cards."""
    for name in ("notebooks", "data"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("raw", ".ipynb_checkpoints"))
    measures = sorted(path.stem for path in (root / "data" / "measures").glob("*.yaml"))
    for number in range(STUDIES):
        study(root, f"study-{number:03d}", number, measures[number % len(measures)])
    return root


def study(root: Path, slug: str, number: int, measure: str) -> None:
    """One study: rows with its name and measure; figures and notebook are links to one file."""
    model, folder = ROOT / "studies" / MODEL, root / "studies" / slug
    for path in sorted((model / "results").rglob("*")):
        target = folder / "results" / path.relative_to(model / "results")
        if path.is_dir():
            target.mkdir(parents=True)
        elif path.suffix == ".jsonl":
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text().replace(MODEL, slug).replace("enterprise_zone", measure))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target) if path.stat().st_dev == root.stat().st_dev else shutil.copyfile(path, target)
    text = (model / "study.yaml").read_text()
    text = text.replace("title: Do", f"title: {number}. Do").replace("measure: enterprise_zone", f"measure: {measure}")
    (folder / "study.yaml").write_text(text)


if __name__ == "__main__":
    raise SystemExit(not main())
