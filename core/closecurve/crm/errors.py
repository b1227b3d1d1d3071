"""The one family of errors, and the exit codes that the command gives them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command's exit says: see docs/commands.md."""

    DONE = 0
    LOOK = 1
    USAGE = 2
    DATA_REFUSED = 3
    LOCKED = 4
    ENVIRONMENT = 5
    INTERRUPTED = 130


class ClosecurveError(Exception):
    """A rule that was broken: the message states the rule, then what was got.

    `code` is stable and has its own entry in docs/problems.md.

    >>> raise UsageError("as-of-format", "an as-of is a date or an instant, got 'soon'")
    Traceback (most recent call last):
    ...
    closecurve.crm.errors.UsageError: an as-of is a date or an instant, got 'soon'
    """

    exit_code = ExitCode.ENVIRONMENT

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UsageError(ClosecurveError):
    """A call, an argument or a setting that cannot be followed."""

    exit_code = ExitCode.USAGE


class DataError(ClosecurveError):
    """Input that cannot be taken; what was there before stays."""

    exit_code = ExitCode.DATA_REFUSED


class LockedError(ClosecurveError):
    """Another run holds the home."""

    exit_code = ExitCode.LOCKED


class EnvironmentFailure(ClosecurveError):
    """The machine or a store refused: disk, rights, a damaged or unknown file."""

    exit_code = ExitCode.ENVIRONMENT
