"""The commands: each reads its arguments, calls one step of the pipelines and prints the outcome.

Everything heavy is imported inside the command that needs it, and after its arguments were read:
`closecurve --help` and a wrong call stay quick.
"""

from enum import StrEnum
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closecurve.cli.explain import explain
from closecurve.cli.init import init
from closecurve.cli.saying import say
from closecurve.crm.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from closecurve.pipelines.workspace import Workspace

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Close curves for sales teams: from a CRM's deal history to scores and a forecast.",
)

Home = Annotated[
    Path, typer.Option(envvar="CLOSECURVE_HOME", help="Folder of history, results and models.")
]
Config = Annotated[
    Path | None, typer.Option(help="Settings file. [default: closecurve.toml where it is there]")
]
AsOf = Annotated[
    str | None,
    typer.Option(help="Date or instant (ISO); only what was known before it counts."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
DEFAULT_HOME = Path("var")
SECONDS_IN = {"s": 1, "m": 60, "h": 3600}


class ReportModel(StrEnum):
    """The model that a report is about."""

    DEAL = "deal"
    LEAD = "lead"


class PipelineMeasure(StrEnum):
    """What a pipeline is measured in."""

    AMOUNT = "amount"
    WEIGHTED_FIXED = "weighted_fixed"
    WEIGHTED_HISTORY = "weighted_history"


class ScopeKind(StrEnum):
    """The kinds of parts that a company has."""

    COMPANY = "company"
    REGION = "region"
    TEAM = "team"
    MANAGER = "manager"
    OWNER = "owner"
    PRODUCT = "product"


app.command()(init)
app.command()(explain)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"closecurve {installed_version('closecurve')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Read by Typer: the options that come before a command."""


@app.command("import")
def import_(
    home: Home = DEFAULT_HOME,
    config: Config = None,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Rest on the export alone; forget what was known.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read the CRM's export and put it on top of the history, whole or not at all."""
    with _workspace(home, config).locked("import") as workspace:
        from closecurve.cli.printing import import_document, import_lines
        from closecurve.pipelines.steps import history_quality, import_history

        report = import_history(workspace, afresh=afresh)
        findings = history_quality(workspace)
    say(as_json, import_document(report, findings), import_lines(report, findings))
    if report.set_aside:
        raise typer.Exit(ExitCode.LOOK)


@app.command()
def train(
    home: Home = DEFAULT_HOME,
    config: Config = None,
    as_of: AsOf = None,
    budget: Annotated[
        str | None, typer.Option(help="Tune the models first, for so long: 90s, 10m, 2h.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train on what was known before the as-of, compare with the baselines, register."""
    seconds, at = None if budget is None else _seconds(budget), _instant(as_of)
    with _workspace(home, config).locked("train") as workspace:
        from closecurve.cli.printing import training_lines
        from closecurve.pipelines.steps import train_models

        trained = train_models(workspace, at, seconds)
    say(as_json, trained.report, training_lines(trained.report))
    if not trained.is_better:
        raise typer.Exit(ExitCode.LOOK)


@app.command()
def score(
    home: Home = DEFAULT_HOME,
    config: Config = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Score open deals and leads with the champion, forecast, and publish in one transaction."""
    at = _instant(as_of)
    with _workspace(home, config).locked("score") as workspace:
        from closecurve.cli.printing import summary_lines
        from closecurve.pipelines.steps import publish_scores

        published = publish_scores(workspace, at)
    say(as_json, published.summary, summary_lines(published))


@app.command()
def nightly(
    home: Home = DEFAULT_HOME,
    config: Config = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Import, train and score in order, as the Prefect flow that a schedule runs."""
    at = _instant(as_of)
    with _workspace(home, config).locked("nightly") as workspace:
        from closecurve.pipelines.prefect_home import prefect_server, run_nightly

        with prefect_server(workspace.home) as server:
            published = run_nightly(workspace, at, server=server)
    from closecurve.cli.printing import summary_lines

    say(as_json, published.summary, summary_lines(published))


@app.command()
def backtest(
    cutoffs: Annotated[
        str | None,
        typer.Option(
            help="Dates, comma between: train on what was known. [default: past quarters]"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the files. [default: reports/backtest at home]")
    ] = None,
    score_at: Annotated[
        str | None, typer.Option(help="Dates to score at, trained once at the first cutoff.")
    ] = None,
    horizons: Annotated[
        str | None, typer.Option(help="Days ahead, comma between. [default: 7,14,30,90]")
    ] = None,
    most: Annotated[
        int | None, typer.Option(min=1, help="Past quarters, the newest ones. [default: 16]")
    ] = None,
    weeks_apart: Annotated[
        int | None, typer.Option(min=1, max=13, help="Between origins of a quarter. [default: 1]")
    ] = None,
    home: Home = DEFAULT_HOME,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Rebuild what was known at each cutoff, train on that alone, and compare with what came.

    Without --cutoffs: at every past quarter and week, for the page of the track record.
    """
    from closecurve.cli.backtesting import Asked, run_asked

    asked = Asked(
        cutoffs=cutoffs, score_at=score_at, horizons=horizons, most=most, weeks_apart=weeks_apart
    )
    say(as_json, *run_asked(_workspace(home, config), asked, out))


@app.command()
def changes(
    start: Annotated[str, typer.Option("--from", help="A day of the company, or an instant.")],
    end: Annotated[
        str | None, typer.Option("--to", help="The later one. [default: the end of the data]")
    ] = None,
    scope_kind: Annotated[
        ScopeKind, typer.Option(help="Which kind of part of the company.")
    ] = ScopeKind.COMPANY,
    scope: Annotated[str, typer.Option(help="The team, the owner … by name.")] = "company",
    measure: Annotated[
        PipelineMeasure, typer.Option(help="What the pipeline is measured in.")
    ] = PipelineMeasure.AMOUNT,
    period: Annotated[
        str | None, typer.Option(help="Only deals due in it, and its forecast: 2026 Q1.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A CSV file that gets every move.")] = None,
    home: Home = DEFAULT_HOME,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Tell what changed between two dates: in the pipeline, and in the forecast as published.

    New, won, lost, moved, pulled in, pushed out, amounts, rates: the effects add up.
    """
    from closecurve.cli.comparing import Asked, run_changes

    asked = Asked(
        start=start,
        end=end,
        measure=measure.value,
        scope_kind=scope_kind.value,
        scope=scope,
        period=period,
    )
    say(as_json, *run_changes(_workspace(home, config), asked, out))


@app.command()
def report(
    model: Annotated[ReportModel, typer.Option(help="Which model.")] = ReportModel.DEAL,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    home: Home = DEFAULT_HOME,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write the whole report of the champion as one HTML file; --json prints its numbers too."""
    from closecurve.models.report.page import report_page
    from closecurve.pipelines.report import report_document

    told = report_document(_workspace(home, config), model.value)
    out.write_text(report_page(told), encoding="utf-8")
    say(as_json, told, [told["finding"], f"Written to {out}"])


@app.command()
def serve(
    home: Home = DEFAULT_HOME,
    config: Config = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535)] = None,
) -> None:
    """Serve the published results: the API and the page, on loopback."""
    from closecurve.cli.serving import run_server

    run_server(_workspace(home, config), port)


@app.command()
def demo(
    deals: Annotated[int, typer.Option(min=1, max=1_000_000, help="Size of the company.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1)] = 7,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End without the server.")] = False,
    home: Home = Path("var/demo"),
    port: Annotated[int | None, typer.Option(min=0, max=65535)] = None,
) -> None:
    """Show it all on a made-up company: import, train, score, forecast, publish, serve."""
    from closecurve.pipelines.prefect_home import prefect_server
    from closecurve.stores.lock import home_lock

    with home_lock(home, "demo"), prefect_server(home) as server:
        from closecurve.pipelines.demo import run_demo

        workspace, published = run_demo(home, deals=deals, seed=seed, server=server)
    from closecurve.cli.printing import summary_lines
    from closecurve.cli.serving import run_server

    say(False, published.summary, summary_lines(published))
    if not no_serve:
        run_server(workspace, port)


def _workspace(home: Path, config: Path | None) -> "Workspace":
    from closecurve.pipelines.workspace import Workspace

    return Workspace.open(home, config)


def _instant(value: str | None) -> "pd.Timestamp | None":
    from closecurve.crm.calendar import utc

    return None if value is None else utc(value)


def _seconds(text: str) -> float:
    """A length of time: a whole number of seconds, or with a unit.

    >>> _seconds("90"), _seconds("10m"), _seconds("2h")
    (90.0, 600.0, 7200.0)
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in SECONDS_IN else (text, "s")
    if not number.isdecimal() or not int(number):
        raise UsageError("budget", f"a budget is a length of time as 90s, 10m or 2h, got {text!r}")
    return float(int(number) * SECONDS_IN[unit])
