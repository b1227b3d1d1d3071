"""The `closecurve` command. Its exit codes are in docs/commands.md."""

import sys
from collections.abc import Sequence

from closecurve.crm.errors import ClosecurveError, ExitCode

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code (raises SystemExit, always)."""
    from closecurve.cli.app import app

    try:
        app(None if argv is None else list(argv), prog_name="closecurve")
    except ClosecurveError as error:
        print(f"closecurve: {error} [{error.code}]", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        print(f"closecurve: the machine refused: {error} [environment]", file=sys.stderr)
        raise SystemExit(ExitCode.ENVIRONMENT) from None
