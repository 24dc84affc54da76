"""How the context of cities is taken into account: design, models, intervals, shrinkage, support, shares.

All of it works on cities in the order of their labels, so that no digit depends on the order of rows.
"""
