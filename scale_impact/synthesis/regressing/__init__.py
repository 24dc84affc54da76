"""Meta-regression: `columns` (context as regressors), the value (`regression`), tests of several coefficients (`testing`)."""
