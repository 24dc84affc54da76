"""The peers' ways of doing the same work, each from the same long frame. Installed by ``uv sync --extra benchmark``."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd


def diff_diff_callaway(d: pd.DataFrame, covariates: list[str] | None = None, draws: int = 0) -> Any:
    from diff_diff import CallawaySantAnna

    fit = CallawaySantAnna(control_group="never_treated", estimation_method="dr", n_bootstrap=draws, seed=1)
    result = fit.fit(d, outcome="y", unit="unit", time="period", first_treat="first", covariates=covariates)
    result.aggregate("event_study"), result.aggregate("group")  # it has no calendar aggregation
    return result.overall_att


def csdid_callaway(d: pd.DataFrame, covariates: list[str] | None = None, draws: int = 0) -> Any:
    from csdid.att_gt import ATTgt

    formula = "y~" + "+".join(covariates or ["1"])
    with contextlib.redirect_stdout(io.StringIO()):
        made = ATTgt(
            yname="y", tname="period", idname="unit", gname="first", data=d, control_group="nevertreated", xformla=formula,
            biters=draws or 999,
        )  # fmt: skip
        fitted = made.fit(est_method="dr", bstrap=draws > 0)
        for kind in ("simple", "dynamic", "group", "calendar"):
            fitted.aggte(kind, bstrap=draws > 0, cband=draws > 0)
    return fitted


def differences_callaway(d: pd.DataFrame, covariates: list[str] | None = None, draws: int = 0) -> Any:
    from differences import ATTgt

    data = d.assign(first=d["first"].where(d["first"] > 0)).set_index(["unit", "period"])
    formula = "y" + ("~" + "+".join(covariates) if covariates else "")
    fitted = ATTgt(data=data, cohort_column="first").fit(
        formula, est_method="dr", boot_iterations=draws, progress_bar=False
    )
    for kind in ("simple", "event", "cohort", "time"):
        fitted.aggregate(kind, boot_iterations=draws)
    return fitted


def moderndid_callaway(d: pd.DataFrame, covariates: list[str] | None = None, draws: int = 0) -> Any:
    import moderndid

    fitted = moderndid.att_gt(
        d, yname="y", tname="period", idname="unit", gname="first", xformla="~" + "+".join(covariates or ["1"]),
        boot=draws > 0, biters=draws or 999, cband=draws > 0,
    )  # fmt: skip
    for kind in ("simple", "dynamic", "group", "calendar"):
        moderndid.aggte(fitted, type=kind)
    return fitted


def pyfixest_event_study(d: pd.DataFrame) -> Any:
    import pyfixest

    return pyfixest.feols("y ~ i(since, ref=-1.0) | period + unit", d, vcov={"CRV1": "unit"}).coef()


def linearmodels_event_study(d: pd.DataFrame) -> Any:
    from linearmodels.panel import PanelOLS

    data = d.set_index(["unit", "period"])
    times = [e for e in np.unique(d["since"]) if e != -1.0]
    x = pd.DataFrame({f"e{e:g}": (data["since"] == e).astype(float) for e in times})
    fit = PanelOLS(data["y"], x, entity_effects=True, time_effects=True)
    return fit.fit(cov_type="clustered", cluster_entity=True).params


def diff_diff_sun_abraham(d: pd.DataFrame) -> Any:
    from diff_diff import SunAbraham

    return SunAbraham().fit(d, outcome="y", unit="unit", time="period", first_treat="first").overall_att


def pyfixest_sun_abraham(d: pd.DataFrame) -> Any:
    import pyfixest

    return pyfixest.event_study(
        d, yname="y", idname="unit", tname="period", gname="first", estimator="saturated", att=False
    ).aggregate()


def diff_diff_imputation(d: pd.DataFrame) -> Any:
    from diff_diff import ImputationDiD

    result = ImputationDiD().fit(d, outcome="y", unit="unit", time="period", first_treat="first")
    return result.aggregate("event_study")


def diff_diff_two_stage(d: pd.DataFrame) -> Any:
    from diff_diff import TwoStageDiD

    result = TwoStageDiD().fit(d, outcome="y", unit="unit", time="period", first_treat="first")
    return result.aggregate("event_study")


def pyfixest_two_stage(d: pd.DataFrame) -> Any:
    import pyfixest

    data = d.assign(treat=((d["first"] > 0) & (d["period"] >= d["first"])).astype(int))
    return pyfixest.did2s(
        data,
        yname="y",
        first_stage="~ 0 | unit + period",
        second_stage="~ i(since, ref=-1.0)",
        treatment="treat",
        cluster="unit",
    ).coef()


def pyfixest_wild(d: pd.DataFrame) -> Any:
    import pyfixest

    fit = pyfixest.feols("y ~ treat | unit + period", d, vcov={"CRV1": "unit"})
    return fit.wildboottest(param="treat", reps=9_999, seed=1)


PEERS: dict[str, dict[str, Callable[..., Any]]] = {
    "callaway": {"diff-diff": diff_diff_callaway, "csdid": csdid_callaway, "differences": differences_callaway,
                 "moderndid": moderndid_callaway},
    "event_study": {"pyfixest": pyfixest_event_study, "linearmodels": linearmodels_event_study},
    "sun_abraham": {"diff-diff": diff_diff_sun_abraham, "pyfixest": pyfixest_sun_abraham},
    "imputation": {"diff-diff": diff_diff_imputation},
    "two_stage": {"diff-diff": diff_diff_two_stage, "pyfixest": pyfixest_two_stage},
    "wild": {"pyfixest": pyfixest_wild},
}  # fmt: skip
