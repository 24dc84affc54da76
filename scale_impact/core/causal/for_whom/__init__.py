"""Whether effects differ, for whom, and who should get the measure, from scores of any estimator."""
