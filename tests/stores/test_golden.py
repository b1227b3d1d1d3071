"""A new bundle proves itself in a child process: whatever it does there, this process lives."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.stores.golden import check, verify_in_child, verifying_child, write_golden

ROWS = pd.DataFrame({"amount": [1.0, np.nan, 3.0], "stage": pd.Categorical(["a", "b", "a"])})

MODELS = """
import os, signal, time
def doubles(folder, rows):
    factor = float((folder / "model.txt").read_text())
    return rows["amount"].fillna(0).to_numpy() * factor
def crashes(folder, rows):
    os.kill(os.getpid(), signal.SIGSEGV)
def hangs(folder, rows):
    time.sleep(60)
def raises(folder, rows):
    raise ValueError("no such model")
def of_another_shape(folder, rows):
    return [[2.0, 0.0, 6.0]]
"""


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of two models, and a module of predict functions that a child can import."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "golden_models.py").write_text(MODELS)
    path = [str(tmp_path / "code"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    for name in ("deal", "lead"):
        folder = tmp_path / "bundle" / name
        folder.mkdir(parents=True)
        (folder / "model.txt").write_text("2")
        write_golden(folder, ROWS, [2.0, 0.0, 6.0])
    return tmp_path / "bundle"


def doubles(folder: Path, rows: pd.DataFrame) -> "pd.Series[float]":
    return rows["amount"].fillna(0) * float((folder / "model.txt").read_text())


def test_a_bundle_that_repeats_its_answers_may_serve(bundle: Path) -> None:
    verify_in_child(bundle, "golden_models:doubles")


def test_a_child_starts_before_there_is_a_bundle(bundle: Path) -> None:
    model = bundle / "lead" / "model.txt"
    model.unlink()
    with verifying_child("golden_models:doubles") as verify:
        model.write_text("3")
        with pytest.raises(EnvironmentFailure, match="other answers in lead"):
            verify(bundle)


def test_a_child_that_waits_ends_with_what_it_waited_for(bundle: Path) -> None:
    with pytest.raises(OSError, match="the disk is full"), verifying_child("golden_models:hangs"):
        raise OSError("the disk is full")


@pytest.mark.parametrize(
    ("predict", "got"),
    [
        ("golden_models:crashes", "killed by signal 11"),
        ("golden_models:raises", "ValueError: no such model"),
        ("no_such_module:predict", "ModuleNotFoundError"),
    ],
)
def test_a_child_that_fails_refuses_the_bundle(bundle: Path, predict: str, got: str) -> None:
    with pytest.raises(EnvironmentFailure, match=got) as caught:
        verify_in_child(bundle, predict)
    assert caught.value.code == "bundle-refused"


def test_a_child_that_hangs_refuses_the_bundle(bundle: Path) -> None:
    with pytest.raises(EnvironmentFailure, match=r"no answer within 1\.5 s"):
        verify_in_child(bundle, "golden_models:hangs", timeout_seconds=1.5)


def test_one_model_that_answers_differently_refuses_the_bundle(bundle: Path) -> None:
    (bundle / "lead" / "model.txt").write_text("2.00000001")
    with pytest.raises(EnvironmentFailure, match="other answers in lead"):
        verify_in_child(bundle, "golden_models:doubles")


@pytest.mark.parametrize(
    ("factor", "agrees"), [("2", True), ("2.0000000001", True), ("2.000000001", False)]
)
def test_answers_agree_to_a_billionth(bundle: Path, factor: str, agrees: bool) -> None:
    (bundle / "deal" / "model.txt").write_text(factor)
    if agrees:
        check(bundle, doubles)
        return
    with pytest.raises(EnvironmentFailure, match="other answers in deal"):
        check(bundle, doubles)


@pytest.mark.parametrize("answers", [[2.0, 0.0], [[2.0, 0.0, 6.0]], [np.nan, 0.0, 6.0]])
def test_answers_of_another_shape_or_kind_are_refused(bundle: Path, answers: list[float]) -> None:
    with pytest.raises(EnvironmentFailure, match="other answers"):
        check(bundle, lambda _folder, _rows: answers)


def test_a_bundle_without_golden_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match=r"no golden\.json"):
        check(tmp_path, doubles)


def test_golden_rows_reach_the_model_as_they_were(tmp_path: Path) -> None:
    write_golden(tmp_path, ROWS, [0.0])

    def compares(_: Path, rows: pd.DataFrame) -> list[float]:
        pd.testing.assert_frame_equal(rows, ROWS)
        return [0.0]

    check(tmp_path, compares)


@pytest.mark.parametrize(("rows", "answers"), [(ROWS, [np.nan]), (ROWS, []), (ROWS.head(0), [1])])
def test_golden_answers_are_finite_and_there(
    tmp_path: Path, rows: pd.DataFrame, answers: list[float]
) -> None:
    with pytest.raises(UsageError) as caught:
        write_golden(tmp_path, rows, answers)
    assert caught.value.code == "golden-answers"
