"""Page and command read one text."""

from pathlib import Path

from closecurve.crm.problems import PROBLEMS, problem_page

MADE_OF = "docs/problems.md is made of core/closecurve/crm/problems.py: enter the code there too"


def test_the_page_holds_every_entry(project_root: Path) -> None:
    page = (project_root / "docs/problems.md").read_text("utf-8")
    assert page.endswith(problem_page()), MADE_OF


def test_a_code_has_one_entry() -> None:
    codes = [code for entry in set(PROBLEMS.values()) for code in entry.codes]
    assert len(codes) == len(set(codes)) == len(PROBLEMS)
    assert all(entry.meaning and entry.mend for entry in PROBLEMS.values())
