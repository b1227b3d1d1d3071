"""Packed files: what is inside a .gz or a .zip, as a stream."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from closecurve.sources.rows import refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The bytes of a file, unpacked: what messages call it, and the name that tells its kind."""

    stream: BinaryIO
    name: str
    inner: str


@contextmanager
def opened(path: Path, member: str | None = None) -> Iterator[Opened]:
    """Opens a file, packed or not; `member` names the file that is meant inside a .zip.

    Raises DataError for a .zip that is cut off or does not hold the member, and whatever the
    system and the unpacking raise; a .gz that is cut off raises EOFError as it is read.
    """
    if path.name.lower().endswith(".zip"):
        with _archive(path) as archive, _unpacked(archive, path, member) as stream:
            yield Opened(stream=cast(BinaryIO, stream), name=path.name, inner=stream.name)
    elif path.name.lower().endswith(".gz"):
        with gzip.open(path) as packed:
            yield Opened(stream=cast(BinaryIO, packed), name=path.name, inner=path.stem)
    else:
        with path.open("rb") as plain:
            yield Opened(stream=plain, name=path.name, inner=path.name)


def seekable(opened: Opened) -> BinaryIO:
    """The bytes with any place in reach, as Parquet and Excel files need it."""
    packed = not isinstance(opened.stream, io.BufferedReader)
    return io.BytesIO(opened.stream.read()) if packed else opened.stream


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        with path.open("rb") as plain:
            begins = plain.read(4) == b"PK\x03\x04"  # the table of contents comes last
        if begins:
            raise refused("file-cut-off", path.name, "ends where it was meant to", error) from error
        raise


def _unpacked(archive: zipfile.ZipFile, path: Path, member: str | None) -> IO[bytes]:
    try:
        return archive.open(_member(archive, path, member))
    except RuntimeError as error:  # it has a password, or is packed in a way that is not known
        raise refused("file-unreadable", path.name, "can be unpacked", error) from error


def _member(archive: zipfile.ZipFile, path: Path, member: str | None) -> str:
    """The file that is meant. Folders and what macOS adds beside them are none."""
    held = [
        each.filename
        for each in archive.infolist()
        if not each.is_dir() and not each.filename.startswith("__MACOSX/")
    ]
    if member is None and len(held) == 1:
        return held[0]
    if member not in held:
        rule = "holds one file, or the one that `member` names"
        raise refused("file-member", path.name, rule, f"member {member!r} and {held}")
    return member
