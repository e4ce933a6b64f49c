"""Lets Python start the program that this file is appended to: `python ./finetune`, `torchrun ./finetune`.

Replaces the interpreter by the program itself, so process id, arguments, environment, signals and exit code are those
of a direct start.
"""

import os
import signal
import sys


def start():
    program = os.path.dirname(os.path.abspath(__file__))  # __file__ is PROGRAM/__main__.py
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores these two, and an ignored signal stays ignored after exec
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execv(program, [program] + sys.argv[1:])
    except OSError as error:
        if not os.access(program, os.X_OK):
            why = "it has no execute permission here; try: chmod +x '%s'" % program
        else:
            why = error.strerror
        name = os.path.basename(program)
        sys.exit("%s: '%s' was started by Python but cannot be executed: %s" % (name, program, why))


start()
