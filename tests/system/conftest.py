"""Runs the real programs as users do. CANINE_BIN names their folder (default build/bin)."""

import os
import pathlib
import re
import signal
import subprocess

import pandas
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CANINE_BIN", ROOT / "build" / "bin")).resolve()
FIXTURES = ROOT / "tests" / "fixtures" / "tiny_a"
TIME_LIMIT = 300  # seconds; far above what any program here needs



def end_in_order(number, _):
    """Fixtures end what they have started. (Programs get the default back, also where tests run under nohup.)"""
    pytest.exit(f"signal {number}", 128 + number)


signal.signal(signal.SIGTERM, end_in_order)
signal.signal(signal.SIGHUP, end_in_order)


LAUNCHER_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_", "MASTER_", "GROUP_", "ROLE_", "TORCH", "OMPI_", "PMI", "MV2_", "MPI_",
                      "SLURM_", "ACCELERATE_", "CANINE_FAULT", "GLOO_", "NCCL_")


def clean_environment(**more):
    """The environment without what launchers and shells may have set, with one thread, and away from the Hub."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHER_VARIABLES)}
    return {**kept, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **more}


FLAGS_OF_OTHERS = {"--headless", "--convert-to", "--revision", "--include"}  # soffice, hf, git: commands that are advised


def check_flags(name, arguments, stderr):
    """Advice names flags that the program has: those of its --help or of the command that was given, those of commands in
    quotes, and a few of other tools."""
    stored = ROOT / "tests" / "app" / "help" / f"{name}.txt"
    if not stored.exists():
        return
    known = set(re.findall(r"--[a-z][a-z0-9-]*", stored.read_text() + " ".join(map(str, arguments)).replace("_", "-")))
    own = re.sub(r"'[^'\n]*'", "", stderr)
    unknown = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", own)) - known
    unknown -= FLAGS_OF_OTHERS
    assert not unknown, f"{name} names flags that it does not have: {sorted(unknown)}\n{stderr}"


class Program:
    """One program, to be run in a folder of its own."""

    def __init__(self, name, folder):
        self.path = BIN / name
        self.folder = folder

    def command(self, *arguments):
        return [str(self.path), *map(str, arguments)]

    def run(self, *arguments, env=None, **options):
        result = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=clean_environment() if env is None else env,
            capture_output=True, text=True, timeout=TIME_LIMIT, **options)
        check_flags(self.path.name, arguments, result.stderr)
        return result

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


def train_on_rows(folder, rows, *codes):
    """A short run in folder/out on 60 of the rows, with the others for validation; returns out and their file."""
    training = [*codes, "--encoder-config", FIXTURES / "encoder" / "config.json", "--max-len", "32", "--padding", "mask",
                "--batch-size", "10", "--learning-rate", "3e-3", "--num-epochs", "20", "--dropout", "0", "--augmentation-prob", "0",
                "--num-threads", "1"]
    if "--formatter" in codes:
        rows[:60].to_csv(folder / "train.csv", index=False)
        rows[60:].to_csv(folder / "val.csv", index=False)
        val_data = folder / "val.csv"
        result = built("train_mixer", folder).run("--train-data", "train.csv", "--val-data", val_data, *training,
                                                  "--save-dir", "out")
    else:
        rows.to_csv(folder / "rows.csv", index=False)
        val_data = folder / "out" / "data_val.csv"
        result = built("finetune", folder).run("--dataset", "rows.csv", "--share-val", "0.4", "--language-col", "lang",
                                               *training, "--save-path", "out")
    assert result.returncode == 0, result.stderr
    return folder / "out", val_data


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory):
    """Folder of a run and validation file for each kind of codes: hisco, occ1950, and lists of tokens with commas."""
    texts = pandas.read_csv(FIXTURES / "run" / "data_train.csv", dtype=str)["occ1"][:100]
    numbers = [2 + (len(text) > 18) for text in texts]  # learned within seconds
    rows = pandas.DataFrame({"occ1": texts, "lang": "en"})
    folder = tmp_path_factory.mktemp("trained_runs")
    systems = {
        "hisco": ({f"code{i}": [str(600 * n) if i == 1 else "" for n in numbers] for i in range(1, 6)},
                  ["--formatter", "hisco"]),
        "occ1950": ({"OCC1950_1": [f"{n:03d}" for n in numbers],
                     "OCC1950_2": [f"{n + 1:03d}" if n % 2 else "" for n in numbers]}, ["--formatter", "occ1950"]),
        "separated": ({"list": [f"{n},{n % 3},{100 + n}" for n in numbers]},
                      ["--target-cols", "list", "--block-size", "3", "--use-within-block-sep"])}
    runs = {}
    for kind, (columns, codes) in systems.items():
        (folder / kind).mkdir()
        runs[kind] = train_on_rows(folder / kind, rows.assign(**columns), *codes)
    return runs


@pytest.fixture(scope="session")
def two_ranks(tmp_path_factory):
    """Folder of an undisturbed run of two processes with 4 rows each: what every launcher must come to."""
    from jobs import PROGRAM, Job, training

    folder = tmp_path_factory.mktemp("two_ranks")
    Job([PROGRAM, "--devices", "cpu:2", *training(folder, "--batch-size", "8")], folder).succeed()
    return folder / "out"
