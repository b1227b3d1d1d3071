"""What [changes.*] may say of a source that repeats its records."""

import tomllib
from pathlib import Path

import pytest

from closecurve.crm.errors import UsageError
from closecurve.crm.mapping import ImportMapping, parse_mapping
from closecurve.crm.mapping_changes import RecordChanges

AUDIT = '[sources.audit]\npath = "audit.csv"\n[sources.deals_last]\npath = "x.csv"\n'
TABLES = '[tables.deals]\nfrom = "audit_last"\n'
LEAST = AUDIT + '[changes.audit]\nkey = "id"\nat = "written"\n'


def parsed(text: str) -> ImportMapping:
    return parse_mapping(tomllib.loads(text), Path("/company"), {})


def test_the_least_shape_compares_all_columns_of_the_source_of_its_name() -> None:
    mapping = parsed(LEAST + TABLES)
    assert mapping.changes == {
        "audit": RecordChanges(name="audit", source="audit", key="id", at="written")
    }
    assert mapping.changes["audit"].derived == ("audit_changes", "audit_first", "audit_last")
    assert mapping.used_sources == ["audit"]


def test_everything_that_may_be_said_is_read() -> None:
    more = """
    from = "audit"
    sequence = "version"
    deleted = "op = 'D'"
    where = "kind = 'deal'"
    columns = { stage = "StageName" }
    full = true
    most_vanished = 0.2
    """
    assert parsed(LEAST + more + TABLES).changes["audit"] == RecordChanges(
        name="audit",
        source="audit",
        key="id",
        at="written",
        sequence="version",
        deleted="op = 'D'",
        where="kind = 'deal'",
        columns={"stage": "StageName"},
        full=True,
        most_vanished=0.2,
    )


def test_a_shape_that_no_table_reads_is_left_alone() -> None:
    mapping = parsed(LEAST + '[tables.deals]\nfrom = "deals_last"')
    assert (mapping.used_changes, mapping.used_sources) == ([], ["deals_last"])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (LEAST.replace('key = "id"\n', ""), "changes.audit.key"),
        (LEAST.replace('at = "written"\n', ""), "changes.audit.at"),
        (LEAST + 'sequence = "max(x)"\n', "changes.audit.sequence"),
        (LEAST + 'columns = ["StageName"]\n', "StageName"),
        (LEAST + "most_vanished = 0\n", "changes.audit.most_vanished"),
        (LEAST + 'full = "yes"\n', "changes.audit.full"),
        (LEAST + "other = 1\n", "other"),
        (LEAST + 'from = "audit_first"\n', "audit_first"),
        (LEAST.replace("changes.audit", "changes.deals") + 'from = "audit"\n', "deals_last"),
        (AUDIT + '[changes.nothing]\nkey = "a"\nat = "b"\n', "changes.nothing.from"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_its_key(text: str, named: str) -> None:
    with pytest.raises(UsageError, match="got ") as caught:
        parsed(text + TABLES)
    assert named in str(caught.value)
    assert caught.value.code in ("mapping-key", "mapping-expression")
