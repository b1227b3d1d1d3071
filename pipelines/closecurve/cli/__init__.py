"""The `closecurve` command. Its exit codes are in docs/commands.md."""

import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from closecurve.crm.errors import ClosecurveError, ExitCode

__all__ = ["ENVIRONMENT", "main"]

ENVIRONMENT: Mapping[str, str] = MappingProxyType({"ARROW_DEFAULT_MEMORY_POOL": "system"})
"""What the command sets for its process, where it is not set: Arrow reads it as it is loaded.

Its own allocator keeps a heap per thread of what was freed, 100 MB in an import; the system's
gives it back.
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code (raises SystemExit, always)."""
    os.environ.update({**ENVIRONMENT, **os.environ})
    from closecurve.cli.app import app

    try:
        app(None if argv is None else list(argv), prog_name="closecurve")
    except ClosecurveError as error:
        print(f"closecurve: {error} [{error.code}]", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        print(f"closecurve: the machine refused: {error} [environment]", file=sys.stderr)
        raise SystemExit(ExitCode.ENVIRONMENT) from None
