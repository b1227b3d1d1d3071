"""The outcome of a command on stdout: lines for people, JSON for machines."""

import json
import sys
from collections.abc import Sequence
from typing import Any


def say(as_json: bool, document: dict[str, Any], lines: Sequence[str]) -> None:
    """Prints the outcome of a command in one of its two forms."""
    text = json.dumps(document, ensure_ascii=False, indent=2) if as_json else "\n".join(lines)
    sys.stdout.write(text + "\n")
