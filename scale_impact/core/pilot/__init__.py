"""Before a pilot starts: which cities to choose and how long to run, so that an effect of the wanted size would be noticed.

``blind`` cuts off everything from the planned start on, ``question`` is what is asked and what is wrong with it, ``windows`` the
past dates at which a pilot is pretended, ``thresholds`` the smallest effect that the test would have noticed there, ``screening``
compares sets of cities in the earlier windows, ``plan`` confirms the best of them in later ones that were not used to choose,
``words`` says it.
"""
