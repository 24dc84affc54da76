"""Nuisances learnt out of fold by cluster, and the orthogonal scores that they give."""
