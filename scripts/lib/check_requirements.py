"""Exits 1 unless every line of a requirements file is installed in exactly that version; imports none of them."""

import importlib.metadata
import re
import sys


def main(path):
    wrong = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            match = re.match(r"([A-Za-z0-9_.-]+)==(\S+)", line)
            if not match:
                continue
            name, wanted = match.groups()
            try:
                found = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                found = "none"
            if found != wanted:
                wrong.append(f"{name}: {wanted} wanted, {found} found")
    for line in wrong:
        print(f"    {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
