import pytest

from closecurve.crm.errors import UsageError
from closecurve.crm.stages import DEFAULT_PROCESS, Process, Stage, StageKind, process_named


def test_the_classic_funnel_is_the_default() -> None:
    assert [stage.fixed_rate for stage in DEFAULT_PROCESS.open_stages] == [0.1, 0.4, 0.6, 0.8, 0.9]


def test_stages_count_from_one_and_an_unknown_stage_has_no_order() -> None:
    assert DEFAULT_PROCESS.order_of("Proposal") == 3
    assert DEFAULT_PROCESS.order_of("谈判") is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": " "}, "stage-name"),
        ({"name": "a", "fixed_rate": 1.1}, "stage-rate"),
        ({"name": "a", "fixed_rate": float("nan")}, "stage-rate"),
        ({"name": "a", "expected_days": 0}, "stage-days"),
    ],
)
def test_a_stage_that_cannot_be_is_refused(fields: dict[str, object], code: str) -> None:
    with pytest.raises(UsageError, match="got ") as caught:
        Stage(**fields)  # type: ignore[arg-type]
    assert caught.value.code == code


@pytest.mark.parametrize(
    "stages", [(), (Stage(name="w", kind=StageKind.WON),), (Stage(name="a"),) * 2]
)
def test_a_process_needs_open_stages_named_once(stages: tuple[Stage, ...]) -> None:
    with pytest.raises(UsageError, match="got "):
        Process(name="p", stages=stages)


def test_an_unknown_process_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'default'.*got 'other'"):
        process_named([DEFAULT_PROCESS], "other")
