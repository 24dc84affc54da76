"""One city, or a few, did it: what the others together say would have been. Estimators, inference and checks share this.

The one solver is ``core/simplex.py``; ``worlds`` has the question asked many times at once (placebo cities, placebo dates, other donors),
``pilots`` who is treated and who may be a donor, ``counterfactual`` what an estimator of this family adds to its effect.
"""
