"""Crates: a study with all that its results need, as one RO-Crate zip; written, opened and held against its own hashes."""

from scale_impact.workflow.crate.contents import contents_problems
from scale_impact.workflow.crate.opening import opened

__all__ = ["contents_problems", "opened"]
