"""How near cities are to each other: variables as they are compared, distances, the search, and what makes two cities differ."""
