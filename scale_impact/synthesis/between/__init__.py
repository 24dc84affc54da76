"""How much effects differ between cities: what is taken (`taking`), independent coordinates (`blocks`, `line`), estimators
(`estimating`), intervals (`spread`), clusters of effects (`nested`, `robust`)."""
