"""Experiments that cities run: who is dealt what, and what follows from the dealing."""
