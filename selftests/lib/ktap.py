# SPDX-License-Identifier: Apache-2.0
"""KTAP for suites written in Python: each case is a function; its docstring's first line names it."""
import sys
import time
import traceback


class Skip(Exception):
    """Raised by a case that cannot run here; the text says why."""


def run(cases):
    """Runs the cases in order, prints KTAP, returns the exit code.  A case is a function or (function, *arguments).

    Words on the command line choose the cases whose function's name contains one of them.
    """
    if sys.argv[1:]:
        cases = [c for c in cases if any(word in (c[0] if isinstance(c, tuple) else c).__name__ for word in sys.argv[1:])]
    print("KTAP version 1")
    print(f"1..{len(cases)}", flush=True)
    failed = 0
    for number, case in enumerate(cases, 1):
        function, *arguments = case if isinstance(case, tuple) else (case,)
        name = " ".join([(function.__doc__ or function.__name__).strip().splitlines()[0].rstrip("."), *map(str, arguments)])
        start = time.monotonic()
        try:
            function(*arguments)
            print(f"ok {number} {name} # {time.monotonic() - start:.1f} s", flush=True)
        except Skip as why:
            print(f"ok {number} {name} # SKIP {why}", flush=True)
        except Exception:  # a failed case must not keep the others from running
            failed += 1
            for line in traceback.format_exc().rstrip().splitlines():
                print(f"# {line}")
            print(f"not ok {number} {name}", flush=True)
    sys.stdout.flush()
    return 1 if failed else 0


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what + ': ' if what else ''}got {got!r}, want {want!r}")


def eventually(condition, seconds, what):
    """Polls until the condition holds; its value is returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
