"""Children of the kill and full-disk tests, run as `python -m tests.stores.results.publishing`."""

import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import count
from pathlib import Path

from tests.stores.results.conftest import make_publication

from closecurve.crm.errors import ClosecurveError
from closecurve.stores.bundle import seal
from closecurve.stores.results import SqlResultsStore

DEALS = 300


def publish_for_ever(url: str, done: int) -> None:
    """Publish one day after another, from the day after the last; write a byte after each."""
    for _ in publications(url):
        os.write(done, b".")


def publications(url: str) -> Generator[int]:
    """Publish the days after the last publication, one each time the iterator moves."""
    store = SqlResultsStore(url)
    head = store.latest()
    first = 1 if head is None else int(head.history_id.split("-")[1]) + 1
    try:
        for number in count(first):
            yield store.publish(make_publication(number, deals=DEALS, leads=number % 5))
    finally:
        store.close()


def kill_loop(url: str, kills: str) -> None:
    """Start a publisher and kill it after a random while, again and again; say each kill.

    A while is up to the time of one publication on this machine, from the start of the publisher
    or, every second time, from its first publication on: however slow the machine is, days are
    published and others are cut short. Publishers are forks of this process, which holds no
    connection by then, so that imports are paid for once.
    """
    with closing(publications(url)) as days:
        next(days)
        began = time.monotonic()
        next(days)
        longest = time.monotonic() - began
    moments = random.Random(20260302)
    for life in range(int(kills)):
        print(kill_one(url, life % 2, moments.uniform(0, longest)), flush=True)


def kill_one(url: str, publications_before: int, seconds: float) -> int:
    """Kill a new publisher so many seconds after so many publications; return the signal."""
    said, done = os.pipe()
    publisher = os.fork()
    if publisher == 0:
        publish_for_ever(url, done)
    os.close(done)
    for _ in range(publications_before):
        os.read(said, 1)
    time.sleep(seconds)
    os.kill(publisher, signal.SIGKILL)
    _, status = os.waitpid(publisher, 0)
    os.close(said)
    return os.WTERMSIG(status)


def publish_on_a_full_disk(url: str, most_bytes: str) -> None:
    """Publish with a limit on the size of any file; end with the exit code of the error."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), int(most_bytes)))
    with closing(SqlResultsStore(url)) as store:
        store.publish(make_publication(2, deals=3000))


def seal_on_a_full_disk(bundles: str, most_bytes: str) -> None:
    """Seal a bundle larger than any file may be."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), int(most_bytes)))
    seal(lambda folder: (folder / "model.txt").write_text("x" * 2 * int(most_bytes)), Path(bundles))


COMMANDS: dict[str, Callable[[str, str], None]] = {
    "kill": kill_loop,
    "publish": publish_on_a_full_disk,
    "seal": seal_on_a_full_disk,
}

if __name__ == "__main__":
    try:
        COMMANDS[sys.argv[1]](sys.argv[2], sys.argv[3])
    except ClosecurveError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
