"""Instruments: estimates, their strength, and intervals that hold where they are weak."""
