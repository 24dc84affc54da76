"""Fetching what lies elsewhere, once, and keeping it as it came."""
