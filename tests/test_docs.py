"""The documents keep up with the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

from typer.main import get_command

from closecurve.cli.app import app

ERRORS = ("UsageError", "DataError", "EnvironmentFailure", "LockedError")
FLOORS = ("core", "features", "models", "pipelines", "serving")
PAGES = ("problems.md", "mapping.md", "row_rules.md", "api.md")


def problem_codes(root: Path) -> Iterator[str]:
    """The code of every error that is made anywhere."""
    for floor in FLOORS:
        for path in (root / floor).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                    first = node.args[0]
                    if node.func.id in ERRORS and isinstance(first, ast.Constant):
                        yield str(first.value)


def test_every_problem_has_an_entry(project_root: Path) -> None:
    pages = "\n".join((project_root / "docs" / name).read_text("utf-8") for name in PAGES)
    codes = set(problem_codes(project_root))
    assert len(codes) > 50
    assert sorted(code for code in codes if code not in pages) == []


def test_every_command_and_option_is_documented(project_root: Path) -> None:
    page = (project_root / "docs/commands.md").read_text("utf-8")
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f"closecurve {name}" in page
        for option in command.params:
            longest = max(option.opts, key=len)
            assert longest in page, f"{name} {longest}"


def test_the_read_me_names_the_two_commands_and_its_links_lead_somewhere(
    project_root: Path,
) -> None:
    text = (project_root / "README.md").read_text("utf-8")
    assert "make demo" in text
    assert "make test" in text
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    local = [link for link in links if "://" not in link and not link.startswith("#")]
    assert local
    assert [link for link in local if not (project_root / link.split("#")[0]).exists()] == []
