"""Rows made comparable: propensities, weights, twins, and how alike they are afterwards."""
