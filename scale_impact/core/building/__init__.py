"""Panels built from sources: joined, aggregated, shared out by crosswalks, and looked at for gaps and oddities."""
