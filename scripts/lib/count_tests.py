"""Adds up what scripts/test ran: Catch2 cases, pytest tests and named checks, with the reasons of the skipped ones.

Usage: count_tests.py REPORTS [NAME=passed|failed ...]

REPORTS holds ctest.junit (one entry per room), {room}.xml (Catch2's XML reporter) and system.junit (pytest). A room that
failed without failing cases in its report (a crash, a time-out, no report at all) counts as one failed test.
Exits 1 if anything failed or nothing ran. The last line printed is "N passed, N failed, N skipped".
"""

import collections
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


class Totals:
    def __init__(self):
        self.passed = 0
        self.failures = []
        self.skips = collections.Counter()

    def add_catch2(self, path):
        """Returns the number of failed cases, None if the report cannot be read."""
        try:
            cases = ElementTree.parse(path).getroot().iter("TestCase")
        except (OSError, ElementTree.ParseError):
            return None
        failed = 0
        for case in cases:
            skip = case.find(".//Skip")
            if case.find("OverallResult").get("success") == "false":
                failed += 1
                self.failures.append(f"{path.stem}: {case.get('name')}")
            elif skip is not None:
                self.skips[" ".join((skip.text or "no reason given").split())] += 1
            else:
                self.passed += 1
        return failed

    def add_rooms(self, reports):
        rooms = ElementTree.parse(reports / "ctest.junit").getroot()
        for room in rooms.iter("testcase"):
            name = room.get("name")
            failed = self.add_catch2(reports / f"{name}.xml")
            if failed is None or (failed == 0 and room.get("status") != "run"):
                self.failures.append(f"{name}: ended without a complete report ({room.get('status')})")

    def add_pytest(self, path):
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                self.failures.append(f"{case.get('classname')}: {case.get('name')}")
            elif skip is not None:
                self.skips[skip.get("message")] += 1
            else:
                self.passed += 1

    def add_check(self, name, result):
        if result == "passed":
            self.passed += 1
        else:
            self.failures.append(f"check {name}")


def main(arguments):
    reports = pathlib.Path(arguments[0])
    totals = Totals()
    for name, add in (("ctest.junit", lambda: totals.add_rooms(reports)),
                      ("system.junit", lambda: totals.add_pytest(reports / "system.junit"))):
        try:
            add()
        except (OSError, ElementTree.ParseError) as error:
            totals.failures.append(f"{name}: no report ({error})")
    for check in arguments[1:]:
        totals.add_check(*check.rsplit("=", 1))

    for reason, count in sorted(totals.skips.items()):
        print(f"skipped {count}: {reason}")
    for failure in totals.failures:
        print(f"failed: {failure}")
    print(f"{totals.passed} passed, {len(totals.failures)} failed, {totals.skips.total()} skipped")
    return 1 if totals.failures or totals.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
