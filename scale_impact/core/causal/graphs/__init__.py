"""Causal graphs: read, asked what to adjust for and what identifies an effect, held against data."""
