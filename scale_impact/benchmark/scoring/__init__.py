"""How values become scores: the recipe, and one file a step.

``recipe`` (all choices), ``coverage`` (who has a score), ``imputation`` and ``normal_imputation`` (what is not known),
``outliers``, ``normalising`` (a common scale), ``weighting``, ``means`` (one number of many), ``tree`` (indicator,
dimension, index), ``uncertainty`` (the index drawn again), ``reweighting`` (the index under other weights),
``diagnostics`` (what the numbers say about the recipe).
"""
