"""What estimators share: reasons for having no standard error."""

import pytest

from tests.panels import NEVER, drawn, fitted


@pytest.mark.parametrize(
    "estimator",
    ["callaway_santanna", "chaisemartin_dhaultfoeuille", "event_study", "imputation", "local_projections", "twfe"],
)
def test_where_each_cohort_is_one_cluster_nothing_has_a_standard_error(estimator):
    frame = drawn({4: 10, NEVER: 10}, 8, seed=3)
    frame["side"] = (frame["g"] < NEVER).astype(int)
    effect = fitted(estimator, frame, cluster="side")
    rows = effect.to_frame()
    assert rows["std_error"].isna().all()
    assert "each cohort lies in one cluster" in effect.overall.reason
