#!/usr/bin/env python3
"""Makes a folder of links to the libraries of the system that a program was linked with.

Usage: linked_libraries.py PROGRAM FOLDER

FOLDER is in the program's run path (cmake/Loader.cmake), so that these libraries win over others of the same name in
LD_LIBRARY_PATH. Only what the loader finds in its own folders is linked: the run path names the others itself. The C library
is among them: the link leads to the one of the machine, whatever its version. Doing it twice changes nothing.
"""

import os
import re
import subprocess
import sys

SYSTEM = re.compile(r"/(usr/)?lib(64|32)?(/[a-z0-9_]+-linux-gnu[a-z0-9]*)?")
FOR_THIS_PROCESSOR = re.compile(r"/glibc-hwcaps/[^/]+")  # where a library has variants


def needed_libraries(program):
    """(name, file) of all libraries that the program is started with, the loader itself apart."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LD_")}
    shown = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True, env=dict(environment, LC_ALL="C"))
    return re.findall(r"^\s*([^\s/]+) => (/.+) \(0x[0-9a-f]+\)$", shown.stdout.decode(), re.MULTILINE)


def for_all_processors(file):
    """The variant that runs everywhere, since the links serve other machines too, if there is one."""
    plain = FOR_THIS_PROCESSOR.sub("", file)
    return plain if os.path.exists(plain) else file


def link(folder, name, file):
    path = os.path.join(folder, name)
    if os.path.islink(path) and os.readlink(path) == file:
        return
    aside = "%s.%d" % (path, os.getpid())  # programs are linked side by side
    os.symlink(file, aside)
    os.replace(aside, path)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    for name, file in needed_libraries(program):
        file = for_all_processors(file)
        if SYSTEM.fullmatch(os.path.dirname(file)) and not name.startswith("ld-"):
            link(folder, name, file)


if __name__ == "__main__":
    main()
