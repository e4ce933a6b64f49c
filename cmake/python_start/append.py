#!/usr/bin/env python3
"""Appends a zip with __main__.py to programs, so that Python can start them as well as the system can.

Usage: append.py PROGRAM...

Doing it twice changes nothing, and a program that lost its zip (strip drops it) gets it again. The zip is written in
append mode, so its offsets count from the start of the file; its bytes depend on __main__.py only.
"""

import os
import sys
import zipfile

ENTRY = "__main__.py"
MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold


def source():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), ENTRY), "rb") as file:
        return file.read()


def cut_zip(path, content):
    """Removes an appended zip, unless it is the very one wanted; returns whether it is."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        if archive.namelist() == [ENTRY] and archive.read(ENTRY) == content:
            return True
        start = min([entry.header_offset for entry in archive.infolist()], default=archive.start_dir)
    os.truncate(path, start)
    return False


def append(path, content):
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            raise ValueError("is not an ELF program")
    if cut_zip(path, content):
        return
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo(ENTRY, MOMENT)
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, content)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    content = source()
    for path in sys.argv[1:]:
        try:
            append(path, content)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            sys.exit("append.py: %s: %s" % (path, error))


if __name__ == "__main__":
    main()
