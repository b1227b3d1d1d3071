"""Facts of deals and leads: the changes of an export in order, from each field's first value on.

A frame of facts has FACT_COLUMNS: `row` is the place of the deal (lead) in its table.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecurve.crm.values import day_text, number_text

FACT_COLUMNS = ("row", "field", "event_at", "known_at", "said_at", "old_value", "new_value")
"""`said_at` is the instant as the export has it, which orders changes older than their deal."""


def changes_of(changes: pd.DataFrame, subjects: pd.DataFrame, key: str) -> pd.DataFrame:
    """The changes as facts, in the order of their event; those of unknown subjects are left out.

    A change older than its deal is one of the deal's creation (clocks differ by seconds), and
    nothing is known before it happened.
    """
    row = pd.Index(subjects[key]).get_indexer(changes[key])
    found = changes[row >= 0]
    row = row[row >= 0]
    created = subjects["created_at"].to_numpy()[row]
    event_at = found["event_at"].clip(lower=pd.Series(created, index=found.index))
    known_at = found["known_at"].fillna(found["event_at"]).clip(lower=event_at)
    at = {"event_at": event_at, "known_at": known_at, "said_at": found["event_at"]}
    facts: pd.DataFrame = found.assign(row=row, **at)[list(FACT_COLUMNS)]
    return facts.iloc[np.lexsort((facts["said_at"].to_numpy(), row))].reset_index(drop=True)


def initial_facts(
    subjects: pd.DataFrame, facts: pd.DataFrame, fields: Sequence[str]
) -> pd.DataFrame:
    """Each field's value at the creation of its deal (lead), where there is one.

    It is the old value of the first change, else what the table says.
    """
    return pd.concat(
        [_initial(subjects, facts[facts["field"] == name], name) for name in fields],
        ignore_index=True,
    )


def _initial(subjects: pd.DataFrame, facts: pd.DataFrame, name: str) -> pd.DataFrame:
    stated = (
        value_text(subjects[name]) if name in subjects else pd.Series(None, subjects.index, "str")
    )
    first = facts.drop_duplicates("row").set_index("row")["old_value"]
    value = stated.where(~stated.index.isin(first.index), first.reindex(stated.index))
    return facts_at(subjects["created_at"], name, value)


def facts_at(instants: pd.Series, name: str, values: pd.Series) -> pd.DataFrame:
    """Facts of one field, known as they happen, where there is a value; index is `row`."""
    said = values.notna() & instants.notna()
    at, value = instants[said], values[said]
    return pd.DataFrame(
        {
            "row": said.index[said],
            "field": pd.Series(name, at.index, "str"),
            "event_at": at,
            "known_at": at,
            "said_at": pd.Series(pd.NaT, at.index, "datetime64[us]"),
            "old_value": pd.Series(None, at.index, "str"),
            "new_value": value,
        }
    ).reset_index(drop=True)


def sequence(made: Sequence[pd.DataFrame], ids: pd.Series) -> pd.DataFrame:
    """All facts in the order they hold, without those that change nothing.

    Gives the id (named as `ids`), field, event_at, known_at, seq, old_value, new_value. `seq`
    counts a deal's (lead's) facts from 1 in the order of their event; of two of one instant the
    later line of the export comes later.
    """
    facts = pd.concat(list(made), ignore_index=True)
    said = facts["said_at"].to_numpy().astype("int64")  # NaT is the least: first values go first
    facts = facts.iloc[np.lexsort((said, facts["event_at"].to_numpy(), facts["row"].to_numpy()))]
    facts = facts[~_changes_nothing(facts)].reset_index(drop=True)
    facts["seq"] = facts.groupby("row").cumcount().to_numpy() + 1.0
    facts.insert(0, str(ids.name), ids.iloc[facts["row"].to_numpy()].reset_index(drop=True))
    text = dict.fromkeys((str(ids.name), "field", "old_value", "new_value"), "str")
    return facts.drop(columns=["row", "said_at"]).astype(text)


def _changes_nothing(facts: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether a fact repeats the one before it of its field.

    Only if that one was known no later: else the repetition is what was known in between.
    """
    field = pd.factorize(facts["field"])[0]
    group = facts["row"].to_numpy() * (field.max(initial=0) + 1) + field
    value = pd.factorize(facts["new_value"])[0]
    order = np.argsort(group, kind="stable")
    group, value, known = group[order], value[order], facts["known_at"].to_numpy()[order]
    follows = np.r_[False, group[1:] == group[:-1]]
    before = np.where(follows, np.r_[-1, value[:-1]], -1)
    known_before = ~follows | (np.r_[known[:1], known[:-1]] <= known)
    repeats = np.empty(len(facts), dtype=bool)
    repeats[order] = (value == before) & known_before
    return repeats


def value_text(values: pd.Series) -> pd.Series:
    """A column as the text that facts carry: days in ISO, numbers as short as they are."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return day_text(values)
    if pd.api.types.is_numeric_dtype(values):
        return number_text(values)
    return values.astype("str")
