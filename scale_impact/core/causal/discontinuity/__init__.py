"""Arithmetic of regression discontinuities: bandwidths, local polynomials, densities at a threshold."""
