"""Sealed bundles: nothing is opened that is not exactly what was sealed."""

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.stores.bundle import open_sealed, seal


def build(folder: Path) -> None:
    (folder / "deal").mkdir()
    (folder / "deal" / "model.txt").write_text("tree\nLisé = 0.5\n" * 50)
    (folder / "codes.json").write_text('{"web": 1}')
    pd.DataFrame({"x": [1.0]}).to_parquet(folder / "rows.parquet")


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    return tmp_path / "bundles"


def test_a_bundle_is_named_by_its_manifest_of_hashes(bundles: Path) -> None:
    digest = seal(build, bundles)
    folder = open_sealed(bundles, digest)
    manifest = (folder / "manifest.json").read_bytes()
    assert folder == bundles / digest
    assert hashlib.sha256(manifest).hexdigest() == digest
    files = json.loads(manifest)["files"]
    assert sorted(files) == ["codes.json", "deal/model.txt", "rows.parquet"]
    for name, expected in files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected


def test_equal_files_give_one_bundle(bundles: Path, tmp_path: Path) -> None:
    digest = seal(build, bundles)
    source = tmp_path / "source"
    source.mkdir()
    build(source)
    assert seal(source, bundles) == digest
    assert [path.name for path in bundles.iterdir()] == [digest]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "codes.json").write_text('{"web": 2}'),
        lambda folder: (folder / "deal" / "model.txt").write_bytes(b""),
        lambda folder: (folder / "codes.json").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{}"),
        lambda folder: (folder / "deal" / "extra.txt").write_text(""),
        lambda folder: (folder / "extra.pkl").write_bytes(pickle.dumps(1)),
        lambda folder: (folder / "elsewhere").symlink_to(folder.parent),
        lambda folder: (folder / "dangling").symlink_to("nowhere"),
        lambda folder: (
            (folder / "codes.json").rename(folder.parent / "codes.json"),
            (folder / "codes.json").symlink_to(folder.parent / "codes.json"),
        ),
        lambda folder: (
            (folder / "deal").rename(folder.parent / "deal"),
            (folder / "deal").symlink_to(folder.parent / "deal"),
        ),
        lambda folder: (
            folder.rename(folder.parent / "real"),
            folder.symlink_to(folder.parent / "real"),
        ),
        lambda folder: folder.rename(folder.parent / "away"),
    ],
)
def test_a_damaged_bundle_is_refused(bundles: Path, damage: Callable[[Path], object]) -> None:
    digest = seal(build, bundles)
    damage(bundles / digest)
    with pytest.raises(EnvironmentFailure) as caught:
        open_sealed(bundles, digest)
    assert caught.value.code == "bundle-damaged"


@pytest.mark.parametrize("position", range(0, 800, 97))
def test_any_flipped_byte_is_found(bundles: Path, position: int) -> None:
    digest = seal(build, bundles)
    model = bundles / digest / "deal" / "model.txt"
    content = bytearray(model.read_bytes())
    content[position] ^= 1
    model.write_bytes(content)
    with pytest.raises(EnvironmentFailure, match=r"another 'deal/model.txt'"):
        open_sealed(bundles, digest)


def test_a_damaged_bundle_is_not_taken_for_the_one_sealed_again(bundles: Path) -> None:
    digest = seal(build, bundles)
    (bundles / digest / "codes.json").write_text("{}")
    with pytest.raises(EnvironmentFailure, match=r"codes.json"):
        seal(build, bundles)


@pytest.mark.parametrize("digest", ["", "..", "../../etc", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_what_is_no_digest_is_refused(bundles: Path, digest: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_sealed(bundles, digest)
    assert caught.value.code == "bundle-digest"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.pkl", pickle.dumps([1])),
        ("model.txt", pickle.dumps([1], protocol=4)),
        ("rows.parquet", pickle.dumps([1])),
        ("model.json", b'{"a": "\0"}'),
        ("model", b"text"),
        ("code.py", b"print()"),
    ],
)
def test_a_file_of_another_kind_is_refused(bundles: Path, name: str, content: bytes) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        seal(lambda folder: (folder / name).write_bytes(content), bundles)
    assert caught.value.code == "bundle-kind"
    assert list(bundles.iterdir()) == []


def test_a_link_is_not_sealed(bundles: Path, tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("tree")
    with pytest.raises(UsageError) as caught:
        seal(lambda folder: (folder / "model.txt").symlink_to(tmp_path / "model.txt"), bundles)
    assert caught.value.code == "bundle-kind"


@pytest.mark.parametrize("name", ["manifest.json", None])
def test_a_bundle_has_files_and_makes_its_own_manifest(bundles: Path, name: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        seal(lambda folder: name and (folder / name).write_text("{}"), bundles)
    assert caught.value.code == "bundle-files"


def test_a_sealing_that_fails_leaves_nothing(bundles: Path) -> None:
    def fails(folder: Path) -> None:
        build(folder)
        raise RuntimeError("no model")

    with pytest.raises(RuntimeError, match="no model"):
        seal(fails, bundles)
    assert list(bundles.iterdir()) == []


def test_what_a_killed_sealing_left_is_swept_away(bundles: Path) -> None:
    left = bundles / ".sealing-abc"
    left.mkdir(parents=True)
    (left / "model.txt").write_text("half")
    digest = seal(build, bundles)
    assert [path.name for path in bundles.iterdir()] == [digest]


def test_a_disk_that_refuses_is_an_environment_failure(tmp_path: Path) -> None:
    (tmp_path / "bundles").write_text("a file")
    with pytest.raises(EnvironmentFailure) as caught:
        seal(build, tmp_path / "bundles")
    assert caught.value.code == "bundle-unwritable"
