"""`closecurve explain CODE`: what a code of a problem, of a row rule or of the API means."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from closecurve.cli.saying import say
from closecurve.crm.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One code: where it appears, what it says, what mends it, and the page that has it."""

    code: str
    kind: str
    meaning: str
    mend: str
    page: str


def explain(
    code: Annotated[str, typer.Argument(help="The code in brackets, or the rule of a row.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Print what a code means and what mends it."""
    found = explanations(code.strip().strip("[]").removeprefix("urn:closecurve:problem:"))
    if not found:
        raise UsageError("code-unknown", f"CODE is one of docs/problems.md, got {code!r}")
    say(as_json, {"explanations": [asdict(each) for each in found]}, _lines(found))


def explanations(code: str) -> list[Explanation]:
    """Everything that goes by this code; the same may be a problem and an answer of the API."""
    return [*_of_problems(code), *_of_rows(code), *_of_service(code)]


def _of_problems(code: str) -> Iterator[Explanation]:
    from closecurve.crm.problems import PROBLEMS

    if entry := PROBLEMS.get(code):
        yield Explanation(
            code=code,
            kind="problem",
            meaning=entry.meaning,
            mend=entry.mend,
            page="docs/problems.md",
        )


def _of_rows(code: str) -> Iterator[Explanation]:
    from closecurve.crm.rules import RULES

    if rule := RULES.get(code):
        yield Explanation(
            code=code,
            kind="rule of rows",
            meaning=rule.meaning,
            mend=rule.mend,
            page="docs/row_rules.md",
        )


def _of_service(code: str) -> Iterator[Explanation]:
    from closecurve.serving.problems import KINDS

    if kind := KINDS.get(code):
        yield Explanation(
            code=code,
            kind=f"answer of the API, status {kind.status}",
            meaning=kind.title,
            mend=kind.rule,
            page="docs/api.md",
        )


def _lines(found: list[Explanation]) -> list[str]:
    lines = []
    for each in found:
        lines += [
            f"{each.code} ({each.kind})",
            f"  {each.meaning}",
            f"  what mends it: {each.mend}",
        ]
        lines.append(f"  {each.page}")
    return lines
