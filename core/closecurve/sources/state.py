"""What earlier imports read of databases: rows kept in the home, so that a later import reads only
what is new.

A state is a Parquet file named after its content, `<source>-<digest>.parquet`. It belongs to the
history that was made of it: an import that is killed or refused leaves a file that no history
names, and the next one starts from what the current history names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """Where states lie (`home/sources`), and by source name the digest that the history names."""

    folder: Path
    known: Mapping[str, str] = field(default_factory=dict)

    def path(self, source: str, digest: str) -> Path:
        """The file of a source's state."""
        return self.folder / f"{source}-{digest}.parquet"
