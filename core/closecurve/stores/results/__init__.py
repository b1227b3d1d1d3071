"""Published results: one transaction writes them, and readers see all of it or nothing."""

from closecurve.stores.results.backtests import Backtest, BacktestHead
from closecurve.stores.results.columns import RESULT_TABLES
from closecurve.stores.results.contract import ResultsStore
from closecurve.stores.results.memory import MemoryResultsStore
from closecurve.stores.results.paging import LIMIT_MOST, Page, publication_of
from closecurve.stores.results.publication import Publication, PublicationHead, Row
from closecurve.stores.results.snoozes import Snooze
from closecurve.stores.results.sql import SqlResultsStore

__all__ = [
    "LIMIT_MOST",
    "RESULT_TABLES",
    "Backtest",
    "BacktestHead",
    "MemoryResultsStore",
    "Page",
    "Publication",
    "PublicationHead",
    "ResultsStore",
    "Row",
    "Snooze",
    "SqlResultsStore",
    "publication_of",
]
