"""Small companies taken the whole way, once for all tests of this folder (one worker runs them)."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from closecurve.crm.demo import DemoCompany, simulate
from closecurve.pipelines.publication import Published
from closecurve.pipelines.steps import import_history, publish_scores, train_models
from closecurve.pipelines.training import MODEL_NAME
from closecurve.pipelines.workspace import Workspace
from closecurve.stores.registry import champion


@pytest.fixture(scope="session")
def company() -> DemoCompany:
    """Of a size at which every model is trained and judged, and no larger: each training costs."""
    return simulate(deals=300, seed=11)


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory, company: DemoCompany) -> Path:
    """A home with a history and a champion, and nothing published."""
    home = tmp_path_factory.mktemp("home")
    company.write_export(home / "export")
    workspace = Workspace.open(home, home / "export/closecurve.toml").quiet()
    import_history(workspace)
    train_models(workspace)
    return home


@pytest.fixture
def workspace(trained_home: Path, tmp_path: Path) -> Workspace:
    """A copy of the trained home, for one test."""
    home = shutil.copytree(trained_home, tmp_path / "home")
    return Workspace.open(home, home / "export/closecurve.toml").quiet()


@pytest.fixture(scope="session")
def published(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """What the trained home publishes."""
    home = shutil.copytree(trained_home, tmp_path_factory.mktemp("published") / "home")
    return publish_scores(Workspace.open(home, home / "export/closecurve.toml").quiet())


Exported = Callable[..., Workspace]


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The registry's database before the first training: its tables take seconds to make."""
    home = tmp_path_factory.mktemp("registry")
    assert champion(home, MODEL_NAME) is None
    return home / "mlflow.db"


@pytest.fixture
def exported(tmp_path: Path, empty_registry: Path) -> Exported:
    """Makes a workspace over canonical tables written as CSV files."""
    (tmp_path / "home").mkdir()
    shutil.copy(empty_registry, tmp_path / "home")

    def make(**tables: pd.DataFrame) -> Workspace:
        lines = ["[company]", 'name = "Small"', "[import]", 'folder = "."', "most_bad_share = 1.0"]
        for name, frame in tables.items():
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
            lines += [f"[sources.{name}]", f'path = "{name}.csv"']
            lines += [f"[tables.{name}]", f'from = "{name}"']
        config = tmp_path / "closecurve.toml"
        config.write_text("\n".join(lines), encoding="utf-8")
        return Workspace.open(tmp_path / "home", config).quiet()

    return make
