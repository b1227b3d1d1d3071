"""The rules that a row of an import keeps; docs/row_rules.md is their page.

A row that breaks one is set aside with its file, line, column and value, and the import goes on.
"""

from dataclasses import dataclass

MOST_NUMBER = 1e15
"""No deal, target or rate is larger: such a number is a slip of the keyboard or of a separator."""

CELL_ERRORS = tuple(
    "#N/A #REF! #DIV/0! #VALUE! #NAME? #NULL! #NUM! #SPILL! #CALC! #FIELD! #BLOCKED!".split()
)
"""What a cell of a sheet shows in place of a value; exports to CSV keep it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of rows: what it holds, and how a row that breaks it is mended."""

    code: str
    meaning: str
    mend: str


_RULES = (
    ("row-shape", "A line has as many values as the header.", "Quote values with a delimiter."),
    ("text-invalid", "Text holds no NUL character.", "Export the table again, or strip it."),
    ("cell-error", "A cell holds a value, no error (`#REF!`).", "Mend the sheet's formula."),
    ("value-missing", "A required column has a value.", "Fill it in, or leave the row out."),
    ("id-duplicate", "An id stands for one row; the first is kept.", "Remove the later ones."),
    ("date-unreadable", "A date or time is ISO or of the source's format.", "Set `date_format`."),
    ("date-range", "A date lies in the years 1900 to 2200.", "Correct the year."),
    ("date-future", "A fact is dated at most a day after the import.", "Correct date or clock."),
    ("number-unreadable", "A number has digits, separators, a currency sign.", "Set `decimal`."),
    ("number-range", "An amount or rate is 0 or more, at most 1e15.", "Correct the number."),
    ("currency-format", "A currency is three letters (ISO 4217).", "Map it under `values`."),
    ("process-unknown", "A process is one of `[[processes]]`.", "Name it, or map the value."),
    ("stage-unknown", "A stage is one of the deal's process.", "Add it, or map the value."),
    ("outcome-unknown", "An outcome is won or lost.", "Map the values under `values.outcome`."),
    ("outcome-against-stage", "A won stage has no lost outcome, a lost none won.", "Decide."),
    ("close-without-date", "A closed deal says when it closed.", "Map `closed_at`."),
    ("close-without-outcome", "A closed deal says whether it was won.", "Map `outcome`."),
    ("close-before-creation", "A deal closes at or after its creation.", "Correct one of them."),
    ("conversion-without-date", "A converted lead says when.", "Map `converted_at`."),
    ("conversion-before-creation", "A lead ends at or after its creation.", "Correct one."),
    ("field-untracked", "A change is of a tracked field or an attribute.", "Leave it out."),
    ("deal-unknown", "A change is of a deal that is in the deals.", "Export the deal too."),
    ("deal-set-aside", "The deal of the row was itself kept.", "Mend the deal's row."),
    ("lead-unknown", "A change is of a lead that is in the leads.", "Export the lead too."),
    ("lead-set-aside", "The lead of the row was itself kept.", "Mend the lead's row."),
    ("activity-without-subject", "An activity has a deal or a lead.", "Map one of the two."),
    ("activity-unknown", "An activity is of a known deal or lead.", "Export that one too."),
    ("activity-planned", "An activity has happened by now.", "It is taken once it has."),
    ("scope-unknown", "A target is of company, region, team, owner or product.", "Map it."),
    ("period-order", "A target's period ends at or after its start.", "Swap the two dates."),
)

RULES = {code: Rule(code=code, meaning=meaning, mend=mend) for code, meaning, mend in _RULES}
"""Every rule by its stable code."""

NO_FAULT = ("deal-set-aside", "lead-set-aside", "activity-planned")
"""Rules that a row breaks through another row's fault, or none: a planned activity is only early.
They do not count against `most_bad_share`."""
