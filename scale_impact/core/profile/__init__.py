"""The holistic profile of a measure: many outcomes on one scale, summed up, and tested together."""
