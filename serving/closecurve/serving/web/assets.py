"""The files that pages load: the style sheet, the script, and plotly from its installed package.

A name carries a digest of the content (plotly's its version), so that a browser may keep it.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file under the name that pages ask for it by."""

    name: str
    path: Path

    @property
    def media_type(self) -> str:
        """The content type of the file."""
        return MEDIA_TYPES[self.path.suffix]


@cache
def assets() -> dict[str, Asset]:
    """Every asset by its own short name: `page.css`, `page.js`, `plotly.js`."""
    own = {path.name: _digested(path) for path in sorted(STATIC.iterdir())}
    return own | {"plotly.js": Asset(name=f"plotly-{version('plotly')}.js", path=_plotly_path())}


def asset_named(name: str) -> Asset | None:
    """The asset that pages ask for by `name`; None where there is none."""
    return next((asset for asset in assets().values() if asset.name == name), None)


@cache
def packed(path: Path) -> bytes:
    """The file compressed: plotly is 4.8 MB plain and a third of that packed."""
    return gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)


@cache
def plotly_style_ids() -> tuple[str, ...]:
    """The ids under which plotly looks for further inline styles before it adds them."""
    script = _plotly_path().read_text(encoding="utf-8")
    return tuple(sorted(set(re.findall(r'getElementById\("([0-9a-f]{64})"\)', script))))


def _digested(path: Path) -> Asset:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Asset(name=f"{path.stem}-{digest}{path.suffix}", path=path)


def _plotly_path() -> Path:
    """Where the installed plotly keeps its browser file; found without importing plotly."""
    spec = find_spec("plotly")
    assert spec is not None, "plotly is a dependency of closecurve"
    assert spec.origin is not None, "plotly is a regular package"
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"
