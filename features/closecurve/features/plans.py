"""Questions that are compiled once for their form and then asked as often as there are as-ofs.

Building and compiling the expressions of a snapshot costs seconds, running them a fraction of one.
What they say depends on the columns of the history and on the selection, never on the rows. So a
question is a function over `PlannedTables`: steps over tables that are not bound yet. Its SQL is
kept by that form; each run gives the tables names of their own, works out the kept steps, and
answers with a view over them. All of it is dropped when nothing holds the answer any more.
"""

import itertools
import re
import weakref
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import ibis
import ibis.expr.types as ir
from ibis.backends.sql import SQLBackend

from closecurve.crm.tables import HISTORY_TABLES
from closecurve.features.engines import Engine, engine_of
from closecurve.features.tables import HistoryTables

PLACEHOLDER = "closecurve_run_"
"""Begins the name of every table in compiled SQL; a run puts its own number there."""

ANSWER = "answer"
"""The name of the last step."""

MOST_FORMS = 64
"""Compiled questions that are kept: a night asks about twenty."""

_RUNS = itertools.count()
Schemas: TypeAlias = tuple[tuple[str, ibis.Schema], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A table of a plan; `is_kept` is worked out once, the others are looked through."""

    name: str
    query: str
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTables(HistoryTables):
    """The tables of a plan: what is asked for once becomes one of its steps."""

    dialect: str
    inputs: Mapping[str, ir.Table]
    steps: list[Step] = field(default_factory=list)
    found: dict[str, ir.Table] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], ir.Table]) -> ir.Table:
        """The step of that name, written when it is first asked for."""
        if name not in self.found:
            self.found[name] = self.step(name, make(), is_kept=True)
        return self.found[name]

    def step(self, name: str, table: ir.Table, *, is_kept: bool) -> ir.Table:
        """The table as a step of its own, to be read by later ones."""
        query = str(ibis.to_sql(table, dialect=self.dialect, pretty=False))
        self.steps.append(Step(name=name, query=query, is_kept=is_kept))
        return _unbound(name, table.schema())


Question: TypeAlias = Callable[..., ir.Table]
"""Called with a plan and further arguments; gives the answer as a table over the plan's."""


def answer(
    question: Question, tables: HistoryTables, inputs: Mapping[str, ir.Table], *args: Hashable
) -> ir.Table:
    """The answer of `question(plan, *args)` over a history and further tables.

    The arguments belong to the form: equal ones are compiled once. An input that a question reads
    more than once is better kept as a step.
    """
    backend = tables.deals.get_backend()
    engine = engine_of(backend)
    history = {name: tables.table(name) for name in HISTORY_TABLES}
    schemas = tuple((name, table.schema()) for name, table in (history | {**inputs}).items())
    steps = _compiled(question, engine.name, schemas, args)
    return _Run(backend=backend, engine=engine).answer(history, inputs, steps)


@lru_cache(maxsize=MOST_FORMS)
def _compiled(
    question: Question, dialect: str, schemas: Schemas, args: tuple[Hashable, ...]
) -> tuple[Step, ...]:
    """The steps of a form; the last one is the answer."""
    unbound = {name: _unbound(name, schema) for name, schema in schemas}
    history = {name: unbound.pop(name) for name in HISTORY_TABLES}
    plan = PlannedTables(**history, inputs=unbound, dialect=dialect)
    plan.step(ANSWER, question(plan, *args), is_kept=False)
    return tuple(plan.steps)


def _unbound(name: str, schema: ibis.Schema) -> ir.Table:
    """A table of these columns; engines name the type of an instant differently."""
    columns = {
        column: "timestamp(6)" if kind.is_timestamp() else kind for column, kind in schema.items()
    }
    return ibis.table(columns, name=f"{PLACEHOLDER}{name}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    """The tables of one answer: made under a number of their own, dropped together."""

    backend: SQLBackend
    engine: Engine
    prefix: str = field(default_factory=lambda: f"closecurve_{next(_RUNS)}_")
    undo: list[str] = field(default_factory=list)

    def answer(
        self,
        history: Mapping[str, ir.Table],
        inputs: Mapping[str, ir.Table],
        steps: tuple[Step, ...],
    ) -> ir.Table:
        """The view of the last step; the run's tables are dropped when nothing holds it."""
        try:
            for name, table in history.items():
                if any(_reads(step, name) for step in steps):
                    self._make(Step(name=name, query=self.backend.compile(table), is_kept=False))
            for name, table in inputs.items():
                self._take(name, table)
            for step in steps:
                self._make(step)
        except BaseException:
            self.drop()
            raise
        found = self.engine.find(self.backend, f"{self.prefix}{ANSWER}")
        # the inputs are held as long: an engine forgets what has left Python's memory
        weakref.finalize(found.op(), self.drop, *inputs.values()).atexit = False
        return found

    def drop(self, *held: ir.Table) -> None:
        """Undoes what was made, the last first; what is `held` may go after that."""
        while self.undo:
            self.backend.raw_sql(self.undo.pop())

    def _take(self, name: str, table: ir.Table) -> None:
        """A view of a table that may live in Python's memory: Ibis hands such a one to views."""
        view = f"{self.prefix}{name}"
        self.undo.append(f"DROP VIEW IF EXISTS {view}")
        self.backend.create_view(view, table)

    def _make(self, step: Step) -> None:
        form = self.engine.kept if step.is_kept else self.engine.seen
        name = f"{self.prefix}{step.name}"
        self.undo.extend(text.format(name=name) for text in form.drop)
        query = step.query.replace(PLACEHOLDER, self.prefix)
        self.backend.raw_sql(form.make.format(name=name, query=query))


def _reads(step: Step, name: str) -> bool:
    return re.search(rf"\b{PLACEHOLDER}{name}\b", step.query) is not None
