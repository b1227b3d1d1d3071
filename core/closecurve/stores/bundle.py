"""Sealed bundles: the files of a model, named by their hashes and checked before they are loaded.

A damaged LightGBM text file does not raise: it kills the interpreter, hangs, or answers differently
in silence. So no file is loaded before its hash has been compared, and a new bundle first proves
itself in a child process (see closecurve.stores.golden).
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from closecurve.crm.errors import EnvironmentFailure, UsageError
from closecurve.stores.golden import verify_in_child, write_golden

__all__ = ["open_sealed", "seal", "verify_in_child", "write_golden"]

MANIFEST = "manifest.json"

SEALING = ".sealing-"
"""How the folder of a bundle that is being written begins."""

TEXT_KINDS = (".txt", ".md", ".json", ".csv")
PARQUET_MAGIC = b"PAR1"
"""The four bytes that a Parquet file begins and ends with."""

CHUNK_BYTES = 1 << 20
"""Bytes hashed or looked at together: an ordinary reading size, and it bounds memory."""


def seal(source: Callable[[Path], object] | Path, bundles_dir: Path) -> str:
    """Seal what `source` writes into an empty folder (or a folder's files); return its digest.

    The bundle is `bundles_dir/<digest>`; the digest is the SHA-256 of its manifest, which holds
    that of every file, so equal files give equal digests and sealing them again changes nothing.
    It appears whole or not at all. The caller holds the home's lock: what an interrupted sealing
    left behind is swept away. Raises UsageError for a file of a kind that is not allowed, and
    EnvironmentFailure where the disk refuses.
    """
    with _disk(bundles_dir), _workplace(bundles_dir) as folder:
        if isinstance(source, Path):
            shutil.copytree(source, folder, symlinks=True, dirs_exist_ok=True)
        else:
            source(folder)
        manifest = _manifest(folder)
        (folder / MANIFEST).write_bytes(manifest)
        digest = hashlib.sha256(manifest).hexdigest()
        if (bundles_dir / digest).is_dir():
            open_sealed(bundles_dir, digest)
        else:
            _settle(folder, bundles_dir / digest)
    return digest


def open_sealed(bundles_dir: Path, digest: str) -> Path:
    """The folder of a bundle, every file of which has just been compared with its hash.

    Raises UsageError for what is no digest, and EnvironmentFailure `bundle-damaged` where a file is
    missing, added, altered or a link.
    """
    if re.fullmatch("[0-9a-f]{64}", digest) is None:
        raise UsageError("bundle-digest", f"a digest is 64 hexadecimal digits, got {digest!r}")
    folder = bundles_dir / digest
    try:
        wrong = _first_wrong(folder, digest)
    except OSError as error:
        raise _damaged(folder, str(error)) from error
    if wrong is not None:
        raise _damaged(folder, wrong)
    return folder


def _first_wrong(folder: Path, digest: str) -> str | None:
    """The first file that is not as it was sealed; None where all are."""
    manifest = (folder / MANIFEST).read_bytes()
    if folder.is_symlink() or hashlib.sha256(manifest).hexdigest() != digest:
        return MANIFEST
    hashes: dict[str, str] = json.loads(manifest)["files"]
    found = dict(_files(folder))
    links = {name for name, path in found.items() if not _is_plain(path)}
    others = links | (found.keys() ^ (hashes.keys() | {MANIFEST}))
    altered = (name for name in hashes if _sha256(found[name]) != hashes[name])
    return min(others) if others else next(altered, None)


def _manifest(folder: Path) -> bytes:
    files = dict(_files(folder))
    if not files or MANIFEST in files:
        raise UsageError(
            "bundle-files", f"a bundle has files, none of them {MANIFEST}, got {sorted(files)}"
        )
    for name, path in files.items():
        if not _is_allowed(path):
            raise UsageError(
                "bundle-kind",
                f"a bundle holds UTF-8 .txt, .md, .json and .csv, and .parquet, got {name!r}",
            )
    content: dict[str, Any] = {
        "format": 1,
        "files": {name: _sha256(path) for name, path in sorted(files.items())},
    }
    return json.dumps(content, indent=1, sort_keys=True).encode()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of everything below that is no folder; links are not followed."""
    for parent, folders, names in os.walk(folder, onerror=_raise):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in (*names, *links):
            path = Path(parent) / name
            yield path.relative_to(folder).as_posix(), path


def _is_plain(path: Path) -> bool:
    """Whether it is a file of the bundle's own: what a link leads to may change after the check."""
    return path.is_file() and not path.is_symlink()


def _is_allowed(path: Path) -> bool:
    """Whether name and content are of a kind that no reader can be made to run code by."""
    if not _is_plain(path):
        return False
    if path.suffix == ".parquet":
        content = path.read_bytes()
        return content.startswith(PARQUET_MAGIC) and content.endswith(PARQUET_MAGIC)
    return path.suffix in TEXT_KINDS and _is_text(path)


def _is_text(path: Path) -> bool:
    """Whether it is UTF-8 without NUL: a binary pickle is neither."""
    try:
        with path.open(encoding="utf-8") as file:
            return all("\0" not in part for part in iter(lambda: file.read(CHUNK_BYTES), ""))
    except UnicodeDecodeError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _workplace(bundles_dir: Path) -> Iterator[Path]:
    """An empty folder beside the bundles, gone at the end whatever happens."""
    bundles_dir.mkdir(parents=True, exist_ok=True)
    for left in bundles_dir.glob(f"{SEALING}*"):
        shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(prefix=SEALING, dir=bundles_dir))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle(folder: Path, target: Path) -> None:
    """Bring the files to the disk, then give the folder its name: the rename is the publication."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in (*names, "."):
            _fsync(Path(parent) / name)
    folder.chmod(0o755)
    folder.rename(target)
    _fsync(target.parent)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk(bundles_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvironmentFailure(
            "bundle-unwritable", f"bundles can be written, got {bundles_dir}: {error}"
        ) from error


def _raise(error: OSError) -> None:
    raise error


def _damaged(folder: Path, what: str) -> EnvironmentFailure:
    return EnvironmentFailure(
        "bundle-damaged",
        f"a bundle is exactly what was sealed, got another {what!r} in {folder};"
        " run `closecurve train` or bring the folder back from a backup",
    )
