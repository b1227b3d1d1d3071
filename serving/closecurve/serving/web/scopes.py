"""The choice of a scope on a page: `kind:name` in the address, grouped by kind in the form."""

from collections.abc import Iterable, Mapping, Sequence

from closecurve.serving.forecasts import COMPANY, Node, Row

KINDS = {
    "region": "Region",
    "team": "Team",
    "manager": "Manager with everybody below",
    "product": "Product",
    "owner": "Owner",
}
_PEOPLE = ("owner", "manager")


def node_of(text: str | None) -> Node:
    """The scope of an address; the company where it names none."""
    kind, _, name = (text or "").partition(":")
    return Node(kind=kind, name=name) if name else Node()


def nodes_by_kind(rows: Iterable[Row]) -> dict[str, list[Node]]:
    """Every scope that has a row of a forecast."""
    nodes: dict[str, list[Node]] = {}
    for kind, name in dict.fromkeys((row["scope_kind"], row["scope"]) for row in rows):
        nodes.setdefault(kind, []).append(Node(kind=kind, name=name))
    return nodes


def options(
    nodes: Mapping[str, Sequence[Node]], owners: Mapping[str, str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """The choices of a form: the title of each kind with address and name of its scopes."""
    return [
        (title, [(node.address, node_name(node, owners)) for node in nodes[kind]])
        for kind, title in KINDS.items()
        if kind in nodes
    ]


def node_name(node: Node, owners: Mapping[str, str], company: str | None = None) -> str:
    """A scope for reading: owners and managers by name."""
    if node.kind == COMPANY:
        return company or "The company"
    return owners.get(node.name, node.name) if node.kind in _PEOPLE else node.name
