"""The model registry: MLflow in the home, whose artefacts are sealed bundles and plots.

MLflow is imported inside the functions: it takes seconds, and the service does without it.
"""

import logging
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.stores.bundle import open_sealed

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.entities import RunInfo
    from mlflow.entities.model_registry import RegisteredModel

CHAMPION = "champion"
"""The alias of the version that serves."""

CHALLENGER = "challenger"
"""The alias of the newest version."""

FALLBACK = "previous"
"""The alias of the champion before this one: where one command goes back to."""

BUNDLES = "bundles"
"""The folder of a run's artefacts that holds its sealed bundle."""

BUNDLE_TAG = "bundle_digest"

QUIET = ("alembic", "mlflow")
"""Loggers that tell how tables are made; their warnings and errors are still heard."""

BATCH_METRICS = 1000
"""As many metrics as MLflow takes in one call."""

METRIC_SIGNS = r"[^\w\-. :/]"
"""What MLflow refuses in the name of a metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A registered version: versions of a name count up from "1"."""

    name: str
    version: str
    run_id: str
    bundle_digest: str


def log_training(
    home: Path,
    name: str,
    bundle_path: Path,
    report: Mapping[str, Any],
    figures: Mapping[str, "Figure"],
    params: Mapping[str, object],
    tags: Mapping[str, str],
    pages: Mapping[str, str],
) -> ModelVersion:
    """Log one training as a run and register its sealed bundle as a version, the new challenger.

    `bundle_path` is the folder that `open_sealed` gave; a bundle that is registered already keeps
    its version, so a training that is run again changes nothing. The numbers in `report` become
    metrics named by their path in it (`won.7.log_loss`), the report itself `report.json`, each
    figure `plots/<name>.png`, each of the HTML `pages` `<name>.html`. Raises EnvironmentFailure
    where the registry cannot be written; a run that failed half-way has no version.
    """
    with _client(home) as client:
        version = _of_bundle(client, name, bundle_path.name)
        if version is None:
            run = client.create_run(_experiment(client, home, name), tags=dict(tags))
            _log(client, run.info.run_id, report, figures, params)
            for page, text in pages.items():
                client.log_text(run.info.run_id, text, f"{page}.html")
            version = _register(client, name, run.info, bundle_path)
        client.set_registered_model_alias(name, CHALLENGER, version.version)
        return version


def promote(home: Path, name: str, version: str) -> ModelVersion:
    """Make the version the champion; the champion so far becomes `previous`.

    Promoting the champion again changes nothing. Raises UsageError where there is no such version.
    """
    with _client(home) as client:
        promoted = _found(client, name, version)
        before = _by_alias(client, name, CHAMPION)
        if before is not None and before != promoted:
            client.set_registered_model_alias(name, FALLBACK, before.version)
        client.set_registered_model_alias(name, CHAMPION, promoted.version)
        return promoted


def champion(home: Path, name: str) -> ModelVersion | None:
    """The version that serves; None before the first promotion."""
    with _client(home) as client:
        return _by_alias(client, name, CHAMPION)


def fetch(home: Path, name: str, which: str) -> Path:
    """The folder of a version's sealed bundle, checked; `which` is a version or an alias.

    The folder is found below the home as it lies now, so a home may be moved or brought back from a
    backup. Raises UsageError where there is no such version, EnvironmentFailure `bundle-damaged`.
    """
    with _client(home) as client:
        version = _found(client, name, which)
    run_folder = _artifacts(home) / version.run_id / "artifacts"
    return open_sealed(run_folder / BUNDLES, version.bundle_digest)


def flat_metrics(report: Mapping[str, Any]) -> dict[str, float]:
    """The numbers in a nested report by their dotted path; texts, lists and gaps are left out.

    >>> flat_metrics({"won": {7: {"log_loss": 0.27}}, "is_better": True, "note": "text"})
    {'won.7.log_loss': 0.27, 'is_better': 1.0}
    """
    return dict(_numbers(report, ()))


def _numbers(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _numbers(item, (*path, str(name)))
    elif isinstance(value, int | float) and math.isfinite(value):
        yield re.sub(METRIC_SIGNS, "_", ".".join(path)), float(value)


@contextmanager
def _client(home: Path) -> Iterator["MlflowClient"]:
    """A client of the home's own registry. Raises EnvironmentFailure where MLflow cannot go on."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    with _quiet():
        try:
            home.mkdir(parents=True, exist_ok=True)
            yield MlflowClient(tracking_uri=f"sqlite:///{(home / 'mlflow.db').resolve()}")
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise EnvironmentFailure(
                "registry-failed", f"the registry in {home} does its work, got {error}"
            ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in QUIET]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _artifacts(home: Path) -> Path:
    return home.resolve() / "mlartifacts"


def _experiment(client: "MlflowClient", home: Path, name: str) -> str:
    """The id of the experiment that writes below this home.

    MLflow keeps the full path of an experiment's artefacts: in a home that was moved, the old
    experiment would still write to the old place, so a new one is begun.
    """
    location = _artifacts(home).as_uri()
    known = [e for e in client.search_experiments() if e.name.partition(" ")[0] == name]
    for experiment in known:
        if experiment.artifact_location == location:
            return str(experiment.experiment_id)
    title = f"{name} {len(known) + 1}" if known else name
    return str(client.create_experiment(title, artifact_location=location))


def _log(
    client: "MlflowClient",
    run_id: str,
    report: Mapping[str, Any],
    figures: Mapping[str, "Figure"],
    params: Mapping[str, object],
) -> None:
    from mlflow.entities import Metric, Param

    # The instant of a metric is of no use here, and floor 3 knows no now().
    metrics = [Metric(name, value, 0, 0) for name, value in flat_metrics(report).items()]
    for start in range(0, len(metrics), BATCH_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + BATCH_METRICS])
    for name, value in params.items():
        client.log_batch(run_id, params=[Param(name, str(value))])
    client.log_dict(run_id, dict(report), "report.json")
    for name, figure in figures.items():
        client.log_figure(run_id, figure, f"plots/{name}.png")


def _register(client: "MlflowClient", name: str, run: "RunInfo", bundle: Path) -> ModelVersion:
    artifact_path = f"{BUNDLES}/{bundle.name}"
    client.log_artifacts(run.run_id, str(bundle), artifact_path)
    client.set_terminated(run.run_id)
    if _registered(client, name) is None:
        client.create_registered_model(name)
    source = f"{run.artifact_uri}/{artifact_path}"
    tags = {BUNDLE_TAG: bundle.name}
    return _version(client.create_model_version(name, source, run.run_id, tags=tags))


def _of_bundle(client: "MlflowClient", name: str, digest: str) -> ModelVersion | None:
    versions = (_version(v) for v in client.search_model_versions(f"name = '{name}'"))
    return next((v for v in versions if v.bundle_digest == digest), None)


def _registered(client: "MlflowClient", name: str) -> "RegisteredModel | None":
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def _by_alias(client: "MlflowClient", name: str, alias: str) -> ModelVersion | None:
    model = _registered(client, name)
    if model is None or alias not in model.aliases:
        return None
    return _version(client.get_model_version(name, str(model.aliases[alias])))


def _found(client: "MlflowClient", name: str, which: str) -> ModelVersion:
    """The version of that number or alias. Raises UsageError where there is none."""
    model = _registered(client, name)
    numbered = client.search_model_versions(f"name = '{name}'") if model is not None else []
    known = {str(version.version): version for version in numbered}
    aliases = {} if model is None else {a: str(v) for a, v in model.aliases.items()}
    wanted = aliases.get(which, which)
    if wanted not in known:
        raise UsageError(
            "model-version",
            f"a version of {name} is one of {[*aliases, *sorted(known, key=int)]}, got {which!r}",
        )
    return _version(known[wanted])


def _version(version: Any) -> ModelVersion:
    return ModelVersion(
        name=version.name,
        version=str(version.version),
        run_id=version.run_id,
        bundle_digest=version.tags[BUNDLE_TAG],
    )
