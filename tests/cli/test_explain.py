"""`closecurve explain CODE`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from closecurve.cli import main
from closecurve.crm.problems import PROBLEMS
from closecurve.crm.rules import RULES
from closecurve.serving.problems import KINDS

Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process: exit code, stdout, stderr."""

    def called(*words: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err

    return called


@pytest.mark.parametrize(
    ("code", "page"),
    [
        ("home-locked", "docs/problems.md"),
        ("[home-locked]", "docs/problems.md"),
        ("date-unreadable", "docs/row_rules.md"),
        ("urn:closecurve:problem:body-too-large", "docs/api.md"),
    ],
)
def test_a_code_is_explained_with_its_page(code: str, page: str, run: Run) -> None:
    status, said, _ = run("explain", code)
    assert status == 0
    assert page in said
    assert "what mends it" in said


def test_every_code_of_the_three_pages_is_explained(run: Run, project_root: Path) -> None:
    from closecurve.cli.explain import explanations

    for code in (*PROBLEMS, *RULES, *KINDS):
        explained = explanations(code)
        assert explained
        for found in explained:
            assert code in (project_root / found.page).read_text("utf-8")
            assert found.meaning
            assert found.mend


def test_a_code_of_two_pages_is_explained_twice_for_machines(run: Run) -> None:
    _, said, _ = run("explain", "cursor-invalid", "--json")
    pages = [each["page"] for each in json.loads(said)["explanations"]]
    assert pages == ["docs/problems.md", "docs/api.md"]


def test_an_unknown_code_is_a_wrong_call(run: Run) -> None:
    status, said, problem = run("explain", "nonsense")
    assert (status, said) == (2, "")
    assert "nonsense" in problem
