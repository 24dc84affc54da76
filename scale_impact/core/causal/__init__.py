"""Causal models: rows that are compared, who is adjusted for what, what a number rests on, for whom it holds."""
