"""How sure a rank is: what is `given`, errors of differences (`noise`), tests of all pairs (`stepdown`), `places` and notes."""
