"""CSV answers are data, whatever a name holds."""

import csv
import io
from datetime import date, datetime

from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st

from closecurve.serving.exports import FORMULA_SIGNS, csv_answer
from closecurve.serving.routers.documented import CsvRows, csv_route


def read(body: bytes) -> list[dict[str, str]]:
    text = body.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_values_are_written_as_a_reader_expects_them() -> None:
    row = {
        "name": '张三, "A"',
        "due_at": datetime(2026, 3, 1, 9),
        "day": date(2026, 3, 2),
        "amount": -1.5,
        "gap": None,
        "parts": [1, {"a": "é"}],
        "hidden": 1,
    }
    answer = csv_answer([row], [name for name in row if name != "hidden"], "x.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="x.csv"'
    assert read(bytes(answer.body)) == [
        {
            "name": '张三, "A"',
            "due_at": "2026-03-01T09:00:00",
            "day": "2026-03-02",
            "amount": "-1.5",
            "gap": "",
            "parts": '[1, {"a": "é"}]',
        }
    ]


def test_a_list_without_rows_still_has_its_header() -> None:
    assert csv_answer([], ["a", "b"], "x.csv").body == "\ufeffa,b\r\n".encode()


def test_a_list_is_a_route_that_keeps_its_parameters_and_names_its_file() -> None:
    router = APIRouter()

    @csv_route(router, "/v1/squares.csv", ["n", "square"], "Squares", problems=["not-found"])
    def squares(most: int) -> CsvRows:
        """Up to the most."""
        return ({"n": n, "square": n * n} for n in range(most))

    app = FastAPI()
    app.include_router(router)
    told = app.openapi()["paths"]["/v1/squares.csv"]["get"]
    assert (told["summary"], told["description"]) == ("Squares", "Up to the most.")
    assert [parameter["name"] for parameter in told["parameters"]] == ["most"]
    assert "404" in told["responses"]
    answer = squares(2)
    assert answer.headers["content-disposition"] == 'attachment; filename="squares.csv"'
    assert read(bytes(answer.body)) == [{"n": "0", "square": "0"}, {"n": "1", "square": "1"}]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_no_cell_is_a_formula_and_no_text_is_lost(text: str) -> None:
    (row,) = read(bytes(csv_answer([{"a": text, "b": 1}], ["a", "b"], "x.csv").body))
    assert not row["a"].startswith(FORMULA_SIGNS)
    assert row["a"].removeprefix("'") == text.removeprefix("'")
