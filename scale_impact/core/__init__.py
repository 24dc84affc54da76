"""Frozen values that everything else passes around; nothing here reads or writes results."""
