"""Synthesis: effects of a measure in many cities, put together, and what the next city may expect; one public file a step."""
