"""Readers see one publication or another, whole, while publishers are killed and disks fill up."""

import math
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.stores.results.conftest import make_publication
from tests.stores.results.publishing import DEALS

from closecurve.crm.errors import ExitCode
from closecurve.stores.bundle import open_sealed, seal
from closecurve.stores.results import LIMIT_MOST, PublicationHead, SqlResultsStore
from closecurve.stores.results.columns import RESULT_TABLES


def child(project_root: Path, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.stores.results.publishing", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=project_root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def check_whole(store: SqlResultsStore, head: PublicationHead) -> None:
    """All tables of the publication are there, and its amounts add up to the sum it states."""
    number = int(head.history_id.split("-")[1])
    assert store.counts(head.publication_id) == dict.fromkeys(RESULT_TABLES, 2) | {
        "deal_scores": DEALS,
        "lead_scores": number % 5,
        "forecasts": 4,
        "funnel": 3,
        "account_facts": 1,
        "stalls": DEALS,
    }
    rows = store.deals(head.publication_id, limit=LIMIT_MOST).rows
    assert math.isclose(sum(row["amount"] for row in rows), head.summary["amount"])
    assert store.forecast(head.publication_id)[0]["as_of"] == head.as_of


def heads_while(running: "subprocess.Popen[str]", store: SqlResultsStore) -> Iterator[int]:
    """The latest publications, each looked at whole, for as long as the child runs."""
    while running.poll() is None:
        head = store.latest()
        if head is not None:
            check_whole(store, head)
            yield head.publication_id
        time.sleep(0.01)


@pytest.mark.parametrize(("database", "kills"), [("sqlite", 25), ("postgresql", 5)])
def test_readers_never_see_a_mix_while_publishers_are_killed(
    database: str,
    kills: int,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    project_root: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/results.sqlite"
    if database == "postgresql":
        url = request.getfixturevalue("empty_postgresql_url")
    with closing(SqlResultsStore(url)) as store:
        with child(project_root, "kill", url, kills) as running:
            seen = list(heads_while(running, store))
            out, err = running.communicate()
        assert err == ""
        assert out.split() == ["9"] * kills
        assert len(set(seen)) > 1
        assert seen == sorted(seen)
        last = store.publish(make_publication(10_000, deals=DEALS))
        assert last > kills // 2
        for number in range(1, last + 1):
            assert store.counts(number)["deal_scores"] == DEALS


def test_a_full_disk_leaves_the_old_results_and_no_stray_file(
    tmp_path: Path, project_root: Path
) -> None:
    url = f"sqlite:///{tmp_path}/results.sqlite"
    with closing(SqlResultsStore(url)) as store:
        store.publish(make_publication(1, deals=DEALS))
    size = (tmp_path / "results.sqlite").stat().st_size
    with child(project_root, "publish", url, size + 100_000) as running:
        _, err = running.communicate()
    assert running.returncode == ExitCode.ENVIRONMENT
    assert err.startswith("results-failed: ")
    assert len(err.splitlines()) == 1
    with closing(SqlResultsStore(url)) as store:
        head = store.latest()
        assert head is not None
        assert head.publication_id == 1
        assert store.counts(1)["deal_scores"] == DEALS
        assert store.publish(make_publication(2, deals=3000)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["results.sqlite"]


def test_a_full_disk_leaves_no_half_bundle(tmp_path: Path, project_root: Path) -> None:
    digest = seal(lambda folder: (folder / "model.txt").write_text("tree"), tmp_path)
    with child(project_root, "seal", tmp_path, 50_000) as running:
        _, err = running.communicate()
    assert running.returncode == ExitCode.ENVIRONMENT
    assert err.startswith("bundle-unwritable: ")
    assert [path.name for path in tmp_path.iterdir()] == [digest]
    open_sealed(tmp_path, digest)
