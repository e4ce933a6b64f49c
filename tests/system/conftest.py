"""Runs the real programs as users do. CANINE_BIN names their folder (default build/bin)."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CANINE_BIN", ROOT / "build" / "bin")).resolve()
FIXTURES = ROOT / "tests" / "fixtures" / "tiny_a"
TIME_LIMIT = 300  # seconds; far above what any program here needs


LAUNCHER_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_", "MASTER_", "GROUP_", "ROLE_", "TORCH", "OMPI_", "PMI", "MV2_", "MPI_",
                      "SLURM_", "ACCELERATE_", "CANINE_FAULT", "GLOO_", "NCCL_")


def clean_environment(**more):
    """The environment without what launchers and shells may have set, with one thread, and away from the Hub."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHER_VARIABLES)}
    return {**kept, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **more}


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

    def start(self, *arguments, env=None, **options):
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=clean_environment() if env is None else env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def built(name, folder):
    program = Program(name, folder)
    if not program.path.exists():
        pytest.fail(f"{program.path} is not there: build first, or set CANINE_BIN")
    return program


@pytest.fixture
def finetune(tmp_path):
    return built("finetune", tmp_path)


@pytest.fixture
def train_mixer(tmp_path):
    return built("train_mixer", tmp_path)


@pytest.fixture
def jobs(tmp_path):
    """Starts commands in the test's folder; whatever of them still runs at the end of the test is killed."""
    from jobs import PROGRAM, Job

    if not PROGRAM.exists():
        pytest.fail(f"{PROGRAM} is not there: build first, or set CANINE_BIN")
    started = []

    def start(*command, folder=tmp_path, **options):
        started.append(Job(command, folder, **options))
        return started[-1]

    yield start
    for job in started:
        job.kill_all()


@pytest.fixture(scope="session")
def two_ranks(tmp_path_factory):
    """Folder of an undisturbed run of two processes with 4 rows each: what every launcher must come to."""
    from jobs import PROGRAM, Job, training

    folder = tmp_path_factory.mktemp("two_ranks")
    Job([PROGRAM, "--devices", "cpu:2", *training(folder, "--batch-size", "8")], folder).succeed()
    return folder / "out"
