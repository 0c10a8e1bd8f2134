# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of the main module and prints TAP as they end."""

import os
import sys
import time
import traceback
import unittest


class Result(unittest.TestResult):
    """Prints a line for each test."""

    def __init__(self, total):
        super().__init__()
        self.count = 0
        self.bad = 0
        self.begun = 0.0
        self.failed = False
        print("1..%d" % total, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()
        self.failed = False

    def _note(self, error):
        self.failed = True
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print("# " + line, flush=True)

    def addError(self, test, err):
        self._note(err)

    def addFailure(self, test, err):
        self._note(err)

    def addSubTest(self, test, subtest, err):
        if err:
            self._note(err)

    def stopTest(self, test):
        self.count += 1
        self.bad += self.failed
        print("%sok %d - %s (%.1f s)" % (
            "not " if self.failed else "", self.count,
            test.id().replace("__main__.", ""),
            time.monotonic() - self.begun), flush=True)
        super().stopTest(test)


def main(setup, teardown):
    """Runs the tests named in the arguments, or all, between SETUP() and
    TEARDOWN(); PF_KEEP=1 in the environment leaves TEARDOWN out."""
    loader = unittest.TestLoader()
    module = sys.modules["__main__"]
    suite = (loader.loadTestsFromNames(sys.argv[1:], module)
             if len(sys.argv) > 1 else loader.loadTestsFromModule(module))
    result = Result(suite.countTestCases())
    setup()
    try:
        suite.run(result)
    finally:
        if not os.environ.get("PF_KEEP"):
            teardown()
    sys.exit(1 if result.bad else 0)
