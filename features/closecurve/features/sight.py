"""What a part of a snapshot is, and what it sees as it is joined."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import ibis.expr.types as ir

from closecurve.features.selected import FeatureSelection
from closecurve.features.subjects import Subject
from closecurve.features.tables import HistoryTables


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """What a part sees: the history, the grain with its links, and the features asked of it."""

    tables: HistoryTables
    base: ir.Table
    subject: Subject
    selection: FeatureSelection
    asked: frozenset[str]

    @property
    def keys(self) -> ir.Table:
        """The grain."""
        return self.base.select(self.subject.id_column, "as_of")


Gives: TypeAlias = Callable[[FeatureSelection], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The features that it is needed for, and the rows with what these are made of.

    `needs` are the links (owner_id, account_id, lead_id) that the base must hold for it.
    """

    gives: Gives
    joined: Callable[[Sight, ir.Table], ir.Table]
    needs: tuple[str, ...] = ()


def these(*names: str) -> Gives:
    """These features, whatever the selection."""
    return lambda selection: names
