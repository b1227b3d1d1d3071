"""Feature columns to the matrix of the trees: codes, kinds, what is missing."""

import json

import numpy as np
import pandas as pd
import pytest

from closecurve.crm.errors import UsageError
from closecurve.models.encoding import Encoding, learn_encoding

X = pd.DataFrame(
    {
        "stage": pd.Series(["a", "b", "a", None], dtype="string"),
        "count": pd.Series([1, 2, None, 4], dtype="Int64"),
        "late": [True, False, True, False],
        "ignored": ["x", "y", "z", "w"],
    }
)
KINDS = {"stage": "category", "count": "number", "late": "number"}


def test_categories_become_codes_and_rare_ones_share_one() -> None:
    matrix = learn_encoding(X, KINDS, rarest=2).matrix(X)
    assert matrix[:3, 0].tolist() == [1, 0, 1]
    assert np.isnan(matrix[3, 0])


def test_an_unseen_value_reads_as_missing() -> None:
    encoding = learn_encoding(X, KINDS, rarest=1)
    unseen = X.assign(stage="never seen")
    assert np.isnan(encoding.matrix(unseen)[:, 0]).all()


def test_an_erased_value_reads_as_missing() -> None:
    value = learn_encoding(X, KINDS, rarest=1).to_json()
    del value["codes"]["stage"]["a"]
    matrix = Encoding.from_json(value).matrix(X)
    assert np.isnan(matrix[[0, 2], 0]).all()
    assert matrix[1, 0] == 2


def test_null_numbers_become_nan_and_booleans_numbers() -> None:
    matrix = learn_encoding(X, KINDS, rarest=1).matrix(X)
    assert np.isnan(matrix[2, 1])
    assert matrix[:, 2].tolist() == [1, 0, 1, 0]


def test_an_encoding_survives_json() -> None:
    encoding = learn_encoding(X, KINDS, rarest=1)
    assert Encoding.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding


def test_a_column_that_the_model_knows_must_be_there() -> None:
    encoding = learn_encoding(X, KINDS, rarest=1)
    with pytest.raises(UsageError, match="count") as caught:
        encoding.matrix(X.drop(columns="count"))
    assert caught.value.code == "feature-missing"


def test_a_text_among_numbers_is_refused() -> None:
    encoding = learn_encoding(X, KINDS, rarest=1)
    with pytest.raises(UsageError, match="count") as caught:
        encoding.matrix(X.assign(count=["1", "2", "many", "3"]))
    assert caught.value.code == "feature-number"


def test_a_kind_is_one_of_four() -> None:
    with pytest.raises(UsageError, match="colour") as caught:
        Encoding(kinds={"a": "colour"}, codes={})
    assert caught.value.code == "feature-kind"
