"""Enveloping: the linear programmes of the frontier, draws of cities, the context's kernel, and what each rests on."""
