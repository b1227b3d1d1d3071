from closecurve.crm.tables import CANONICAL, HISTORY_TABLES, ColumnType


def test_only_the_deals_id_and_creation_are_required_of_a_deal() -> None:
    required = [column.name for column in CANONICAL["deals"].columns if column.required]
    assert required == ["deal_id", "created_at"]


def test_a_names_suffix_tells_its_type() -> None:
    tables = {**{name: table.columns for name, table in CANONICAL.items()}, **HISTORY_TABLES}
    for columns in tables.values():
        for column in columns:
            if column.name.endswith("_at"):
                assert column.type is ColumnType.INSTANT
            if column.name.endswith("_date"):
                assert column.type is ColumnType.DAY
            if column.name.endswith("_id"):
                assert column.type is ColumnType.TEXT


def test_every_canonical_table_becomes_a_history_table() -> None:
    assert set(CANONICAL) < set(HISTORY_TABLES)
