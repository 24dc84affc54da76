"""One thread for small matrix products."""

from threadpoolctl import threadpool_info

import scale_impact as si
from scale_impact import estimators
from scale_impact.core.one_thread import one_thread
from tests.refuters import asked, city_rows


def threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_small_products_have_one_thread_and_others_as_many_as_before():
    before = threads()
    with one_thread(True):
        assert threads() == {1}
    with one_thread(False):
        assert threads() == before
    assert threads() == before


def test_estimators_of_rows_keep_to_one_thread(monkeypatch):
    seen = []
    real = estimators.keys.load("estimators", "backdoor_regression", "fit")

    def fit(panel, design, **options):
        seen.append(threads())
        return real(panel, design, **options)

    monkeypatch.setattr("scale_impact.estimators.backdoor_regression.fit", fit)
    si.estimate("backdoor_regression", *asked(city_rows()))
    assert seen == [{1}]
