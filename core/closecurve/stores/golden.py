"""Golden predictions: what a model answered when it was sealed, asked again in a child process."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from closecurve.crm.errors import EnvironmentFailure, UsageError

GOLDEN = "golden.json"
GOLDEN_ROWS = "golden.parquet"

TOLERANCE = 1e-9
"""How far an answer may lie from the golden one: the promise of replay."""

CHILD_SECONDS = 120
"""When a child that has not answered counts as hung; one that works takes a few seconds."""

Predict = Callable[[Path, pd.DataFrame], ArrayLike]
"""Loads the model in a folder and answers for the rows, in any fixed shape."""


def write_golden(folder: Path, rows: pd.DataFrame, expected: ArrayLike) -> None:
    """Keep rows and the model's answers for them in the model's folder, before it is sealed.

    Raises UsageError where there are no rows, or an answer is no finite number.
    """
    answers = np.asarray(expected, dtype=float)
    if not len(rows) or not answers.size or not np.isfinite(answers).all():
        raise UsageError(
            "golden-answers",
            f"golden answers are finite, for one row or more, got {len(rows)} rows and {answers}",
        )
    rows.to_parquet(folder / GOLDEN_ROWS)
    (folder / GOLDEN).write_text(json.dumps(answers.tolist()))


def verify_in_child(bundle: Path, predict: str, *, timeout_seconds: float = CHILD_SECONDS) -> None:
    """Let a child process load every model of the bundle and repeat its golden predictions.

    `predict` names a `Predict` as 'package.module:function'; it is called with each folder of the
    bundle that holds golden.json. Raises EnvironmentFailure `bundle-refused` where there is none,
    an answer differs by more than TOLERANCE, or the child raises, crashes or hangs: whatever the
    files do to an interpreter, it is not this one.
    """
    with verifying_child(predict, timeout_seconds=timeout_seconds) as verify:
        verify(bundle)


@contextmanager
def verifying_child(
    predict: str, *, timeout_seconds: float = CHILD_SECONDS
) -> Iterator[Callable[[Path], None]]:
    """`verify_in_child` for one bundle that is not written yet: its child starts meanwhile.

    It imports what it needs, which takes longer than the predictions, and waits for the folder.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", "closecurve.stores.golden", predict],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

    def verify(bundle: Path) -> None:
        try:
            _, told = child.communicate(os.fsencode(bundle), timeout=timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise _refused(bundle, f"no answer within {timeout_seconds} s") from error
        if child.returncode < 0:
            raise _refused(bundle, f"a child that was killed by signal {-child.returncode}")
        if child.returncode != 0:
            last = (told.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
            raise _refused(bundle, f"exit {child.returncode}: {last}")

    try:
        yield verify
    finally:
        child.kill()
        child.communicate()


def _refused(bundle: Path, got: str) -> EnvironmentFailure:
    return EnvironmentFailure(
        "bundle-refused",
        f"a bundle repeats its golden predictions before it serves, got {got} from {bundle}",
    )


def check(bundle: Path, predict: Predict) -> None:
    """Repeat the golden predictions here. Raises EnvironmentFailure where one differs."""
    golden = sorted(bundle.rglob(GOLDEN))
    if not golden:
        raise _refused(bundle, f"no {GOLDEN}")
    for file in golden:
        expected = np.array(json.loads(file.read_text()), dtype=float)
        rows = pd.read_parquet(file.parent / GOLDEN_ROWS)
        answers = np.asarray(predict(file.parent, rows), dtype=float)
        if not _agree(answers, expected):
            raise _refused(bundle, f"other answers in {file.parent.relative_to(bundle)}")


def _agree(answers: NDArray[np.float64], expected: NDArray[np.float64]) -> bool:
    return answers.shape == expected.shape and bool(
        np.allclose(answers, expected, rtol=0, atol=TOLERANCE)
    )


def _named(name: str) -> Predict:
    module, _, function = name.partition(":")
    named: Predict = getattr(importlib.import_module(module), function)
    return named


if __name__ == "__main__":
    answers_of = _named(sys.argv[1])
    # Nothing comes where the parent gave up before there was a bundle.
    if named := sys.stdin.buffer.read():
        check(Path(os.fsdecode(named)), answers_of)
