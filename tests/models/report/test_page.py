"""The report as a page: whole, self-contained, and honest about what is missing."""

from typing import Any
from xml.etree import ElementTree

import pytest

from closecurve.models.report.limits import known_limits
from closecurve.models.report.page import report_page
from closecurve.models.report.pictures import Axes, picture

BIN = {"probability": 0.2, "observed_rate": 0.3, "observed_low": 0.1, "observed_high": 0.5}
BARE: dict[str, Any] = {
    "subject": "deal",
    "company": "Möller <& Söhne>",
    "finding": "It is better.",
    "reliability": [],
    "comparison": [{"name": "model", "rows": 10, "log_loss": 0.3}],
    "limits": [],
    "data": {"cutoff": "2026-01-01", "held back from": None},
}
WHOLE: dict[str, Any] = BARE | {
    "reliability": [{"outcome": "won", "horizon_days": 30.0, "bins": [BIN, BIN]}],
    "horizon_days": 30.0,
    "segments": [
        {"segment": "team", "value": "<b>", "records": 120, "is_off": True}
        | BIN
    ],
    "months": [{"month": "2026-01", "auc": 0.8}, {"month": "2026-02", "auc": 0.7}],
    "learning_curve": [
        {"share": share, "closes": 100 * share, "model": 0.5 - share / 10, "stage_curves": 0.5}
        for share in (0.5, 1.0)
    ],
    "split_gap": {
        "by_time": {"auc": 0.7, "skill": 0.1},
        "at_random": {"auc": 0.9, "skill": 0.4},
    },
    "drift": [
        {
            "feature": "amount", "stability_index": 0.4, "chance": 0.1, "distance": None,
            "absent_then": 0.0, "absent_now": 0.1, "is_finding": True,
        }
    ],
    "groups": [{"group": "stage", "mean_effect": 0.12, "features": 4}],
    "limits": ["It learned from 12 closes."],
    "stalls": {
        "horizon_days": 30.0, "held_back_rows": 1234, "is_better": True, "reliability": [BIN],
        "scores": {
            name: {"log_loss": 0.6, "auc": 0.7, "calibration_error": 0.02, "calibration_luck": None}
            for name in ("model", "stage_and_dwell")
        },
        "flags": {
            "flagged_stalled_rate": 0.75, "flagged_stalled_low": 0.7, "flagged_stalled_high": 0.8,
            "other_stalled_rate": 0.4,
        },
    },
    "grades": {
        "within_days": 90, "since": "2025-06-22T00:00:00",
        "items": [
            {
                "grade": "A", "count": 4, "converted_count": 3, "conversion_rate": 0.75,
                "conversion_low": 0.3, "conversion_high": 0.95,
            }
        ],
    },
}  # fmt: skip


def test_the_page_asks_for_nothing_and_escapes_what_it_shows() -> None:
    page = report_page(WHOLE)
    for outside in ("http", "src=", "@import", "url(", "<script"):
        assert outside not in page
    assert "Möller &lt;&amp; Söhne&gt;" in page
    assert "&lt;b&gt;" in page
    assert "1 of 1 features drifted" in page


def test_what_is_not_known_is_left_out() -> None:
    headings = [part.split("</h2>")[0] for part in report_page(BARE).split("<h2>")[1:]]
    assert headings == ["Beside every baseline", "Data used"]
    assert report_page(WHOLE).count("<h2>") == 12


def test_stalls_and_grades_are_told_with_what_they_are_worth() -> None:
    page = report_page(WHOLE)
    assert "on 1,234 held-back landmarks: the model answers." in page
    assert "flagged 75.0% stood still (70.0% to 80.0%), of the others 40.0%." in page
    assert "<td>A</td><td>4</td><td>3</td><td>75.0%</td>" in page
    none = {"flagged_stalled_rate": None, "other_stalled_rate": 0.4}
    bare = BARE | {"stalls": WHOLE["stalls"] | {"is_better": False, "flags": none}}
    assert "the rate by stage and dwell answers.</p>" in report_page(bare)


def test_a_picture_is_sound_xml_with_its_points_inside() -> None:
    axes = Axes(x=(0, 10), y=(0, 1), x_title="a & b", y_title="c", x_names=["i", "ii"])
    drawn = ElementTree.fromstring(picture({"<x>": [(0, 0), (10, 1)]}, axes, diagonal=True))
    places = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in drawn.iter("circle")]
    assert places == [(52.0, 240.0), (408.0, 14.0)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"is_better": False}, "not shown"),
        ({"closed": 12}, "It learned from 12 closes"),
        ({"rows_won": 0}, "Nothing was won"),
        ({"first_as_of": "2025-12-28"}, "Its 4 days hold no whole week and no whole quarter"),
        ({"first_as_of": "2025-12-01"}, "Its 31 days hold no whole quarter"),
        ({"reliability": []}, "too little held-back time"),
        ({"set_aside": {"deals.loss_reason": "written at the close"}}, "deals.loss_reason"),
    ],
)
def test_each_limit_is_said(changed: dict[str, Any], words: str) -> None:
    sound = {
        "is_better": True, "finding": "It is not shown to be better.", "closed": 900,
        "rows_won": 5, "reliability": [1], "set_aside": {},
        "first_as_of": "2024-01-01T00:00:00", "last_as_of": "2026-01-01T00:00:00",
    }  # fmt: skip
    assert known_limits(sound) == []
    (told,) = known_limits(sound | changed)
    assert words in told
    assert known_limits(sound, ["12 deals are too old."]) == ["12 deals are too old."]
