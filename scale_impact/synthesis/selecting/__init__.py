"""What the step ``selection`` is made of: regressions on precision, trim and fill, the step-function model, early adopters, sites,
and two stress tests."""
