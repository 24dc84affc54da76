"""Benchmark: a city among comparable cities, with honest uncertainty of its rank.

Each file that a study names under ``benchmark:`` has one public function whose keyword-only options are the keys that
the study may set: ``scores``, ``peers``, ``adjustment``, ``frontier``, ``rank_bands``, ``robustness``, ``change``.
"""
