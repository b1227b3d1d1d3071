"""Small companies taken the whole way, once for all tests of this folder (one worker runs them)."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from closecurve.crm.demo import DemoCompany, simulate
from closecurve.pipelines.publication import Published
from closecurve.pipelines.steps import import_history, publish_scores, train_models
from closecurve.pipelines.workspace import Workspace


@pytest.fixture(scope="session")
def company() -> DemoCompany:
    return simulate(deals=500, seed=11)


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


@pytest.fixture
def exported(tmp_path: Path) -> Exported:
    """Makes a workspace over canonical tables written as CSV files."""

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
