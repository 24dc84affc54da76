"""Least squares of an outcome on an exposure, its errors, and the same asked of many versions of the data at once."""
