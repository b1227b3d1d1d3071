"""Does the forecast's interval hold, and is it sharper than its peers? On simulated companies.

    .venv/bin/python benchmarks/forecast_coverage.py --deals 3000 --seeds 7 8 41 --work found

At the start of each of 16 quarters everything is learned anew from what was known then; the running
quarter is forecast on that day, four and eight weeks later. Peers answer the same question at the
same instants from the same wins. The quarters of all companies are judged together: in those of one
even intervals that hold what they say would miss a goal about every second time. Exits 1 where a
goal is missed.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from closecurve.crm.calendar import Period
from closecurve.crm.demo import simulate
from closecurve.features.subjects import DEAL
from closecurve.models.forecast.inputs import known, rest_days
from closecurve.models.forecast.rules import TOP_DOWN, WonAmounts, origins
from closecurve.models.forecast.series import BLOCK_DAYS
from closecurve.models.metrics import pinball_loss
from closecurve.models.spans import days_of
from closecurve.pipelines.fitting import fit
from closecurve.pipelines.forecasting import HeldBack, RevenueFacts, forecast_quarters
from closecurve.pipelines.panels import open_rows, snapshots
from closecurve.pipelines.rates import StageFacts
from closecurve.pipelines.steps import import_history
from closecurve.pipelines.workspace import Workspace

QUARTERS = 16
ORIGIN_DAYS = (0, 28, 56)
LEVELS = {"q10": 0.1, "q50": 0.5, "q90": 0.9}
LEADS = ("leads", "lead_changes")
KINDS_HELD = ("team", "region")
PATHS = 2_000


def made_home(home: Path, deals: int, seed: int) -> Workspace:
    """An imported demo company without its leads, which a forecast does not read; what was done for
    them is set aside with them."""
    simulate(deals=deals, seed=seed).write_export(home / "export")
    config = home / "export/closecurve.toml"
    text = config.read_text(encoding="utf-8").replace("share = 0.05", "share = 1.0")
    sections = text.split("\n[")
    kept = [part for part in sections if not part.partition("]")[0].endswith(LEADS)]
    config.write_text("\n[".join(kept), encoding="utf-8")
    workspace = Workspace.open(home, config).quiet()
    import_history(workspace)
    return workspace


def forecasts(workspace: Workspace, work: Path) -> pd.DataFrame:
    """The running quarter of every scope at every origin, with the peers of the company.

    Each quarter is kept in `work` as soon as it is done, and taken from there by the next run.
    """
    calendar = workspace.settings.calendar
    period = calendar.quarter_at(workspace.data_end())
    found = []
    for _ in range(QUARTERS):
        period = calendar.quarter_at(period.start_at - pd.Timedelta(days=1))
        path = work / f"{period.name}.parquet"
        if not path.exists():
            pd.concat(of_quarter(workspace, period)).to_parquet(path, index=False)
            print(f"  {period.name}", file=sys.stderr, flush=True)
        found.append(pd.read_parquet(path))
    return pd.concat(found, ignore_index=True)


def of_company(work: Path, deals: int, seed: int) -> pd.DataFrame:
    """The forecasts of one simulated company."""
    work.mkdir(parents=True, exist_ok=True)
    return forecasts(made_home(work / "home", deals, seed), work).assign(seed=seed)


def of_quarter(workspace: Workspace, period: Period) -> Iterator[pd.DataFrame]:
    """The same of one quarter, learnt at its start."""
    settings, tables = workspace.settings, workspace.history().tables()
    calendar, currency = settings.calendar, settings.company.currency
    fitted = fit(tables, period.start_at, settings)
    for days in ORIGIN_DAYS:
        as_of = period.start_at + pd.Timedelta(days=days)
        facts = RevenueFacts.of(tables, as_of, workspace.data_end(), calendar, currency)
        rows = snapshots(tables, DEAL, open_rows(tables, DEAL, [as_of]), fitted.selection)
        rated = StageFacts.of(tables, as_of, settings).beside(rows)
        made = forecast_quarters(facts, rated, fitted.deal.model, HeldBack.of(fitted), as_of)
        made = made[made["period_name"] == period.name].drop(columns="rule_weights")
        peers = peers_at(facts, period, as_of).items()
        yield made.assign(days=days, **{f"peer_{name}": [said] * len(made) for name, said in peers})


def peers_at(facts: RevenueFacts, period: Period, as_of: pd.Timestamp) -> dict[str, list[float]]:
    """The 10, 50 and 90 % of each peer; one without a spread says one number thrice."""
    wins = known(facts.wins, as_of)
    grid = origins(period, as_of, facts.calendar).iloc[:1]
    won = WonAmounts.of(wins)
    booked = float(won.booked(grid)[0])
    rules = won.rules(grid).iloc[0].fillna(0.0)
    points = {name: booked + float(rules[name]) for name in TOP_DOWN}
    return {name: [value] * 3 for name, value in points.items()} | {
        "log_ets": smoothed(wins, period, as_of, booked)
    }


def smoothed(wins: pd.DataFrame, period: Period, as_of: pd.Timestamp, booked: float) -> list[float]:
    """Exponential smoothing of log sums of four weeks, the best of four by AICc, with its paths."""
    age = (days_of(as_of - wins["closed_at"]) // BLOCK_DAYS).astype(int)
    sums = np.bincount(age, wins["amount_company"].fillna(0.0))[:-1][::-1]
    if len(sums) < 8:
        return [booked] * 3
    logs = np.log(sums + 0.5 * wins["amount_company"].mean())
    ahead = rest_days(period, as_of)[1] / BLOCK_DAYS
    blocks = int(np.ceil(ahead))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits = [
            ETSModel(logs, error="add", trend=trend, damped_trend=bool(trend)).fit(disp=False)
            for trend in (None, "add")
        ]
        best = min(fits, key=lambda each: each.aicc)
        paths = best.simulate(blocks, anchor="end", repetitions=PATHS, rng=np.random.default_rng(0))
    share = np.clip(ahead - np.arange(blocks), 0.0, 1.0)
    drawn = booked + share @ np.exp(np.asarray(paths).reshape(blocks, PATHS))
    return [float(value) for value in np.quantile(drawn, list(LEVELS.values()))]


def relative_pinball(said: np.ndarray, actual: np.ndarray) -> float:
    """The mean over 10, 50 and 90 % of twice the pinball loss over the mean actual."""
    losses = [pinball_loss(actual, said[:, i], level) for i, level in enumerate(LEVELS.values())]
    return float(2 * np.mean(losses) / actual.mean())


def summary(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Coverage and width by scope kind and scope; the company's pinball loss beside its peers'."""
    rows = rows[rows["actual"].notna()]
    inside = rows["actual"].between(rows["q10"], rows["q90"])
    held = rows.assign(inside=inside, width=rows["q90"] - rows["q10"])
    held = held.groupby(["scope_kind", "scope"]).agg(
        count=("inside", "size"), coverage=("inside", "mean"),
        width=("width", "mean"), actual=("actual", "mean"),
    )  # fmt: skip
    held["relative_width"] = held["width"] / held["actual"]
    company = rows[rows["scope_kind"] == "company"]
    actual = company["actual"].to_numpy()
    answers = {"closecurve": company[list(LEVELS)].to_numpy(dtype=float)}
    for rate in ("fixed", "history"):
        funnel = company["booked"] + company[f"weighted_pipeline_{rate}"].fillna(0.0)
        answers[f"weighted_{rate}"] = np.repeat(funnel.to_numpy()[:, None], 3, axis=1)
    for name in company.columns[company.columns.str.startswith("peer_")]:
        answers[name.removeprefix("peer_")] = np.array(company[name].tolist())
    losses = {
        name: {
            "pinball": relative_pinball(said, actual),
            "wape": float(np.abs(actual - said[:, 1]).sum() / actual.sum()),
            "coverage": float(((said[:, 0] <= actual) & (actual <= said[:, 2])).mean()),
        }
        for name, said in answers.items()
    }
    return held, pd.DataFrame(losses).T


def goals_missed(held: pd.DataFrame, losses: pd.DataFrame) -> list[str]:
    """What the summary should show and does not."""
    missed = []
    company = held.loc["company", "coverage"].iloc[0]
    if not 0.75 <= company <= 0.85:
        missed.append(f"company: coverage {company:.2f}, wanted .75 to .85")
    for (kind, scope), share in held["coverage"].items():
        if kind in KINDS_HELD and not 0.70 <= share <= 0.90:
            missed.append(f"{kind} {scope}: coverage {share:.2f}, wanted .70 to .90")
    better = losses.index[losses["pinball"] < losses.loc["closecurve", "pinball"]]
    return missed + [f"pinball: {name} is better" for name in better]


def main() -> int:
    """Print both tables; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=3_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 41], help="one a company")
    parser.add_argument("--work", type=Path, help="a folder to keep and take up what is done")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        work = given.work or Path(folder)
        rows = pd.concat(
            [of_company(work / str(seed), given.deals, seed) for seed in given.seeds],
            ignore_index=True,
        )
    for seed, ours in rows.groupby("seed"):
        held, losses = summary(ours)
        print(f"seed {seed}: coverage, and pinball loss of the company beside its peers'")
        print(held.loc[["company", *KINDS_HELD], "coverage"].round(3).to_string(header=False))
        print(losses["pinball"].round(3).to_string(), end="\n\n")
    held, losses = summary(rows)
    kinds = rows[rows["actual"].notna()].assign(
        inside=lambda t: t["actual"].between(t["q10"], t["q90"])
    )
    print(kinds.groupby("scope_kind")["inside"].mean().round(3).to_string())
    print(held.loc[["company", *KINDS_HELD]].round(3).to_string())
    print(losses.round(3).to_string())
    missed = goals_missed(held, losses)
    print("\n".join(missed) or "all goals met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
