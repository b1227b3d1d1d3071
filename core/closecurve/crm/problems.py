"""Every code of a problem: what it means and what mends it. docs/problems.md is made of this.

`closecurve explain CODE` reads the same entries, so page and command never differ. A test holds
that every error has one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemEntry:
    """What a stable code says. Codes that share one meaning share an entry."""

    codes: tuple[str, ...]
    meaning: str
    mend: str


def _entries() -> Iterator[ProblemEntry]:
    for codes, meaning, mend in _TEXTS:
        yield ProblemEntry(codes=tuple(codes.split()), meaning=meaning, mend=mend)


def problem_page() -> str:
    """The table of docs/problems.md, in Markdown."""
    head = "| code | what it means | what mends it |\n|---|---|---|\n"
    rows = (f"| {', '.join(e.codes)} | {e.meaning} | {e.mend} |\n" for e in _entries())
    return head + "".join(rows)


_TEXTS: Final = (
    (
        "as-of-format as-of-missing panel-as-of",
        "an as-of is an instant before which things are known",
        "give a date or an ISO instant before the cutoff",
    ),
    (
        "attribute-kind calibration-slope change-measure change-period change-rows "
        "change-scope change-standing choice-landmarks choice-window column-unknown "
        "curve-times engine-unknown fact-side feature-group feature-kind feature-missing "
        "feature-number finding-code finding-count grid-edges label-columns label-duration "
        "label-event label-rows landmark-rows language-unknown metric-name metric-shape"
        " process-unknown "
        "reason-direction record-instant record-key selection-format selection-names "
        "subject-unknown",
        "a caller of the library broke a rule of a function",
        "the message states the rule and the value",
    ),
    (
        "backtest-columns backtest-key",
        "a back-test is not of its form; nothing of it was stored",
        "report it",
    ),
    (
        "backtest-quarters",
        "no past quarter can be asked: none has ended that has a whole quarter of wins before it",
        "wait for more history; `--cutoffs` asks at dates of your choice",
    ),
    (
        "backtest-options",
        "`--score-at` and `--horizons` go with `--cutoffs`, `--most` and `--weeks-apart` without",
        "ask at dates of your choice, or at every past quarter",
    ),
    (
        "backtest-dates",
        "a back-test date lies outside the history, or `--score-at` before its cutoff",
        "dates between the first deal and the end of the data",
    ),
    (
        "budget",
        "`--budget` is no length of time",
        "seconds, or a number with s, m or h: 90s, 10m, 2h",
    ),
    (
        "bundle-damaged",
        "a sealed model is not byte for byte what was sealed; it is never loaded",
        "`closecurve train`, or bring the folder back from a backup",
    ),
    (
        "bundle-digest bundle-files bundle-kind golden-answers",
        "a bundle was made wrongly",
        "report it: nothing was published",
    ),
    (
        "bundle-refused",
        "a new model did not repeat its own predictions in a child process",
        "`closecurve train` again; if it stays, the machine's memory or disk is at fault",
    ),
    (
        "bundle-unwritable disk-write home-unwritable",
        "the home cannot be written: disk full, or no right",
        "free space or rights; what was published before is still served",
    ),
    (
        "calendar-day calendar-hours calendar-month calendar-zone",
        "`[company]` holds a calendar that cannot be",
        "see settings.md",
    ),
    (
        "changes-dates changes-period changes-scope",
        "`closecurve changes` is asked for dates in the wrong order, for a period that neither"
        " date sees, or for a scope that no deal is in",
        "the earlier date under `--from`; the message lists periods and scopes that there are",
    ),
    (
        "code-unknown",
        "`closecurve explain` is asked for a code that there is not",
        "write the code as the message has it in brackets",
    ),
    (
        "column-missing",
        "a table lacks a column that it needs",
        "name it under `columns`: mapping.md",
    ),
    (
        "cursor-invalid",
        "a page's cursor is damaged, or of an earlier publication",
        "start over without it",
    ),
    (
        "database-columns database-key database-query database-type",
        "a database does not answer a source's query, or its answer has no rows that can be told "
        "apart: a column twice, none of the name, a key that repeats, bytes",
        "the message has the database's own words; correct `table`, `query`, `key`: mapping.md",
    ),
    (
        "database-driver",
        "the driver of a database is not installed",
        "install the package that the message names",
    ),
    (
        "database-unreachable",
        "a database is not there or does not let us in",
        "check address, user, password and network; the password is never shown",
    ),
    ("database-url", "a source's `url` is no address of a database", "see mapping.md"),
    (
        "deadline-hours grade-bounds grade-capacity grade-kind grade-probability grade-shares "
        "grade-times interval-variance",
        "`[grades]` holds values that do not fit together",
        "see settings.md",
    ),
    (
        "deals-empty",
        "an import has no deal and no lead",
        "look at `where` of the deals, and at the report of rows set aside",
    ),
    (
        "demo-as-of demo-chain demo-deals demo-id demo-seed demo-times demo-until",
        "the demo company cannot be asked that",
        "the message names the bound",
    ),
    (
        "export-incomplete",
        "a full export lacks most of the records of the one before it, as if it was cut off",
        "export it again, leave it out, or raise `most_vanished`: mapping.md",
    ),
    (
        "features-both features-name",
        "`[features]` names a column that there is not, or one under `keep` and `set_aside`",
        "write `table.column` as `closecurve train` prints it: leakage.md",
    ),
    (
        "file-missing file-empty file-header file-encoding file-cut-off file-unreadable",
        "a source's file is not there, is empty, names no columns or one twice, is written "
        "in another encoding, ends early, or is not of the kind its name says",
        "export it again, or correct `path`, `encoding`, `delimiter`: mapping.md",
    ),
    (
        "file-columns file-kind file-member file-sheet",
        "files of one source have other columns, or a packed file or a sheet is not the one meant",
        "the message names what is there; correct `path`, `member`, `sheet`: mapping.md",
    ),
    ("file-rights", "a source may not be read by this user", "give the right to read it"),
    (
        "filter-text limit-range order-unknown",
        "a list is asked for in a way it cannot be given",
        "the message names the allowed values",
    ),
    (
        "what-if-deal what-if-period what-if-reps",
        "a forecast is asked what if of a deal that is not open, of a period that it does not hold,"
        " or with too many reps",
        "the message has the name or the bound",
    ),
    (
        "forecast-columns forecast-draws forecast-origin forecast-value funnel-columns",
        "a frame given to forecast or funnel lacks a column, or holds a value outside its range",
        "the message names column and value",
    ),
    (
        "calendar-period",
        "a period is asked for that is no fiscal month, quarter, half or year",
        "report it: the calendar makes its own periods",
    ),
    (
        "target-probability",
        "a target is asked for that is surer or less sure than a forecast tells",
        "a probability from 0.05 to 0.95",
    ),
    (
        "history-columns history-table history-type",
        "a frame given as history is not of its form",
        "see history.md",
    ),
    (
        "history-damaged",
        "a file of the history is missing or altered",
        "`closecurve import --afresh`",
    ),
    ("history-empty", "a history has no fact at all", "import an export that has deals"),
    ("history-missing", "nothing was imported yet", "`closecurve import`"),
    (
        "history-unknown",
        "the history was written by another release",
        "`closecurve import --afresh` with this release",
    ),
    (
        "home-locked",
        "another run holds the home; the message names it",
        "wait, or end that process",
    ),
    (
        "horizons instant-format",
        "an argument is no list of days, or no date",
        "days from 1 to 3650; dates as 2026-01-31",
    ),
    (
        "import-settings",
        "the settings name no source",
        "add `[sources]` and `[tables]`: mapping.md",
    ),
    (
        "init-exists",
        "`closecurve init` would have to write over a settings file",
        "name another file with `--config`, or move the old one away",
    ),
    (
        "init-no-deals",
        "no table that was seen can be deals or leads",
        "export a table with an id, a creation date and a stage, outcome or amount; or write"
        " `closecurve.toml` by hand: mapping.md",
    ),
    (
        "init-source",
        "`--from` names no file, folder or database that can be looked at",
        "name one that is there and is of a known kind: mapping.md",
    ),
    ("join-multiplies", "a join finds several rows for one", "join on a key that is unique"),
    (
        "mapping-expression mapping-key value-format",
        "the mapping holds a key, an expression or a format that cannot be",
        "the message names the key: mapping.md",
    ),
    (
        "mapping-failed",
        "an expression of the mapping fails on the data, or names a column that is not there",
        "`TRY_CAST` gives null where `CAST` fails; the message names the table",
    ),
    (
        "memory",
        "an import needs more memory than the machine gives",
        "free memory, or import fewer columns",
    ),
    (
        "model-file model-format",
        "a model file is missing or of another release",
        "`closecurve train`",
    ),
    (
        "model-later",
        "the model was trained on what was known only after the as-of",
        "`closecurve train` with the same `--as-of` first",
    ),
    ("model-missing", "nothing was trained yet", "`closecurve train`"),
    (
        "model-unavailable",
        "the service cannot open the publication's model; what was published is still served",
        "`closecurve train` and `closecurve score`",
    ),
    ("model-version", "there is no such version", "the message names those there are"),
    ("port-taken", "something else listens on the port", "`--port`, or 0 for any free one"),
    (
        "process-stages stage-days stage-name stage-rate",
        "`[[processes]]` holds stages that cannot be",
        "see settings.md",
    ),
    (
        "publication-columns publication-instant publication-json publication-key "
        "publication-text publication-type",
        "a publication is not of its form; nothing of it was stored",
        "report it",
    ),
    (
        "registry-failed results-failed",
        "a store does not answer or refuses",
        "the message names the store",
    ),
    (
        "results-schema",
        "the results were written by a newer release",
        "use that release, or another database",
    ),
    ("results-url", "the address of the results database cannot be followed", "see settings.md"),
    (
        "service-host",
        "the service was told to listen beyond loopback, which needs sign-in",
        "keep 127.0.0.1, or put a reverse proxy with sign-in before it",
    ),
    (
        "settings-file settings-value",
        "the settings file is missing, no TOML, or holds a value that cannot be",
        "the message names key and value",
    ),
    (
        "idempotency-key-reused",
        "an `Idempotency-Key` was sent with another request before",
        "a new key for each request",
    ),
    (
        "snooze-reason snooze-text",
        "a snooze has no reason, or text that no store can hold",
        "say why in a few words, without NUL and lone surrogates",
    ),
    (
        "stall-labels",
        "a caller of the stall model gave other labels than one 0 or 1 for each landmark",
        "the message states the rule and the value",
    ),
    (
        "too-many-bad-rows",
        "more rows of a table break a rule than `import.most_bad_share` allows; the report "
        "holds each",
        "mend the source or the mapping: row_rules.md",
    ),
)

PROBLEMS: Final = {code: entry for entry in _entries() for code in entry.codes}
"""Every entry by each of its codes."""
