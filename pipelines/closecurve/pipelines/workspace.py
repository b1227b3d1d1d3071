"""The home folder of one company, with its settings: where a run reads and writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from closecurve.features.money import ConstantRates
from closecurve.pipelines.progress import Progress
from closecurve.settings import Settings, load
from closecurve.stores.history import HistoryHandle, HistoryStore
from closecurve.stores.lock import home_lock
from closecurve.stores.results import ResultsStore, SqlResultsStore

CONFIG_NAME = "closecurve.toml"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A home and its settings. Not slotted: the stores are opened once, when first used."""

    home: Path
    settings: Settings
    config: Path | None
    progress: Progress

    @classmethod
    def open(cls, home: Path, config: Path | None) -> "Workspace":
        """The workspace of a home; `config` None takes closecurve.toml of the current folder.

        Raises UsageError for settings that cannot be followed.
        """
        found = Path(CONFIG_NAME) if config is None and Path(CONFIG_NAME).is_file() else config
        return cls(
            home=home.absolute(),
            settings=load(found.absolute() if found else None),
            config=found.absolute() if found else None,
            progress=Progress(),
        )

    @contextmanager
    def locked(self, purpose: str) -> Iterator["Workspace"]:
        """The workspace, held by this process alone. Raises LockedError naming the holder."""
        self.home.mkdir(parents=True, exist_ok=True)
        with home_lock(self.home, purpose):
            yield self

    def quiet(self) -> "Workspace":
        """The same without progress lines."""
        return replace(self, progress=Progress(shown=False))

    @cached_property
    def histories(self) -> HistoryStore:
        """The histories of this home."""
        return HistoryStore(self.home)

    @cached_property
    def results(self) -> ResultsStore:
        """The published results: SQLite in the home unless the environment names a database."""
        return SqlResultsStore(
            self.settings.results_url or f"sqlite:///{self.home / 'results.sqlite'}"
        )

    @property
    def bundles_dir(self) -> Path:
        """Where the sealed models lie."""
        return self.home / "bundles"

    def history(self) -> HistoryHandle:
        """The history that was imported last, at the company's constant rates where it has any.

        Raises UsageError where there is none.
        """
        company, current = self.settings.company, self.histories.current()
        if not company.has_constant_rates:
            return current
        rates = ConstantRates(fixed=company.constant_rates, day=company.rates_of)
        return replace(current, rates=rates)

    def data_end(self) -> pd.Timestamp:
        """The company's first midnight after the last known fact: an export ends with a day."""
        calendar, until = self.settings.calendar, self.history().data_until
        return calendar.midnight((calendar.local(until) + pd.Timedelta(days=1)).date())
