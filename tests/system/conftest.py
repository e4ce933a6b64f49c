"""Runs the real programs as users do. CANINE_BIN names their folder (default build/bin)."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CANINE_BIN", ROOT / "build" / "bin")).resolve()
FIXTURES = ROOT / "tests" / "fixtures" / "tiny_a"
TIME_LIMIT = 300  # seconds; far above what any program here needs


def clean_environment(**more):
    """The environment without what launchers and shells may have set, and with one thread."""
    drop = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    kept = {name: value for name, value in os.environ.items() if name not in drop}
    return {**kept, "OMP_NUM_THREADS": "1", **more}


class Program:
    """One program, to be run in a folder of its own."""

    def __init__(self, name, folder):
        self.path = BIN / name
        self.folder = folder

    def command(self, *arguments):
        return [str(self.path), *map(str, arguments)]

    def run(self, *arguments, env=None, **options):
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=clean_environment() if env is None else env,
            capture_output=True, text=True, timeout=TIME_LIMIT, **options)

    def start(self, *arguments, **options):
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=clean_environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **options)


@pytest.fixture
def finetune(tmp_path):
    program = Program("finetune", tmp_path)
    if not program.path.exists():
        pytest.fail(f"{program.path} is not there: build first, or set CANINE_BIN")
    return program
