"""Indicators and measures: what the files of ``data/`` say, read whole, and the pages made from them."""
