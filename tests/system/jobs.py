"""Jobs of several processes: starting them under any launcher, watching their output, and seeing that none is left.

Every job carries a variable of its own (MARK), by which its processes are found in /proc whoever started them: launcher,
ranks, helpers. A job that a test leaves running is ended by the fixture `jobs`.
"""

import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid

import pandas
import torch

from conftest import BIN, FIXTURES, clean_environment

MARK = "CANINE_TEST_JOB"
DEADLINE = 60  # seconds; a tiny job takes two or three on an idle machine
PYTHON = pathlib.Path(sys.executable)
RANK_VARIABLES = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")
PROGRAM = BIN / "finetune"
TRAIN_MIXER = BIN / "train_mixer"

ROWS = 80  # 72 for training, 8 for validation: 9 steps an epoch at a global batch of 8

SETTINGS = ["--encoder-config", str(FIXTURES / "encoder" / "config.json"), "--max-len", "32", "--learning-rate", "1e-3",
            "--num-epochs", "2", "--log-interval", "1", "--save-interval", "3", "--eval-interval", "4",
            "--num-threads", "1", "--eval-batch-size", "3"]


def write_rows(folder):
    lines = (FIXTURES / "run" / "input.csv").read_text().splitlines(keepends=True)
    path = pathlib.Path(folder) / "rows.csv"
    path.write_text("".join(lines[: 1 + ROWS]))
    return path


def training(folder, *more, save_path="out"):
    """Flags of a run that takes about a second; `more` wins over what stands before it."""
    rows = pathlib.Path(folder) / "rows.csv"
    if not rows.exists():
        write_rows(folder)
    return [
        "--dataset", str(rows), "--target-cols", "hisco_1", "--language", "en", "--allow-codes-shorter-than-block-size",
        *SETTINGS, "--save-path", str(save_path), *map(str, more)]


def mixer_training(prepared, *more, save_dir="out"):
    """Flags of train_mixer for the same run on the files that finetune has prepared."""
    return ["--train-data", str(prepared / "data_train.csv"), "--val-data", str(prepared / "data_val.csv"), "--formatter",
            "gpf", "--target-cols", "hisco_1", "--seq2seq-weight", "0.1", *SETTINGS, "--save-dir", str(save_dir),
            *map(str, more)]


ENDLESS = ("--num-epochs", "1000000", "--keep-last", "2", "--eval-interval", "1000000")


def endless(folder, *more):
    """Flags of a run that only ends when it is told to."""
    return training(folder, *ENDLESS, *more)


class Job:
    """One command with all processes that come of it."""

    def __init__(self, command, folder, env=None, mark=None, **more):
        self.mark = mark or uuid.uuid4().hex
        environment = {**clean_environment(), **(env or {}), **more, MARK: self.mark}
        self.command = [str(word) for word in command]
        self.lines = []
        self._changed = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            self.command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def text(self):
        with self._changed:
            return "\n".join(self.lines)

    def wait_for(self, pattern, count=1, seconds=DEADLINE):
        """The first line that matches, once `count` lines do."""
        expression = re.compile(pattern)
        found = []

        def look():
            found[:] = [line for line in self.lines if expression.search(line)]
            return len(found) >= count or self._ended

        with self._changed:
            self._changed.wait_for(look, seconds)
        assert len(found) >= count, f"no line '{pattern}' within {seconds} s or before the end:\n{self.text}"
        return found[0]

    def end(self, seconds=DEADLINE):
        """Waits for the command and for everybody who holds its output; the exit code."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s: {self.alive()}\n{self.text}") from None
        self._reader.join(seconds)
        assert not self._reader.is_alive(), f"processes outlive the command: {self.alive()}\n{self.text}"
        return code

    def succeed(self, seconds=DEADLINE):
        code = self.end(seconds)
        assert code == 0, f"exit code {code}\n{self.text}"
        assert not self.alive()
        return self.text

    def alive(self):
        """Process id -> command line of what is left of the job."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            if self.mark in environment_of(entry).get(MARK, ""):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return found

    def wait_until_gone(self, seconds=DEADLINE):
        """Waits for the end of processes that are nobody's children here."""
        end = time.monotonic() + seconds
        for pid in self.alive():
            wait_for_pid(pid, end - time.monotonic())
        assert not self.alive(), f"left after {seconds} s: {self.alive()}\n{self.text}"

    def ranks(self):
        """Rank -> process id of our programs that run now as ranks."""
        found = {}
        for pid in self.alive():
            entry = pathlib.Path("/proc") / str(pid)
            environment = environment_of(entry)
            try:
                if pathlib.Path(os.readlink(entry / "exe")).parent != BIN:
                    continue
            except OSError:
                continue
            for name in RANK_VARIABLES:
                if name in environment:
                    found[int(environment[name])] = pid
                    break
        return found

    def kill_all(self):
        for pid in self.alive():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def environment_of(entry):
    try:
        content = (entry / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (item.split(b"=", 1) for item in content.split(b"\0") if b"=" in item)
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs}


def wait_for_pid(pid, seconds):
    """Waits for the end of any process; a zombie of somebody else counts as ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    import select

    with open(fd, "rb", closefd=True):
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.poll(max(0, seconds) * 1000)


def free_port():
    """A port that nobody had a moment ago, for what cannot be told to choose one itself. It is none that the system gives
    away by itself, and a random one: tests that run at the same time would take it otherwise."""
    first_given_away = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10000, first_given_away)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


# ---------------------------------------------------------------------------------------------- launchers


def torchrun(*flags, processes=2):
    return [PYTHON.parent / "torchrun", f"--nproc_per_node={processes}", *flags]


def standalone(processes=2):
    """torchrun that chooses its port itself."""
    return torchrun("--standalone", processes=processes)


def old_launcher(*flags, processes=2):
    return [PYTHON, "-m", "torch.distributed.launch", f"--nproc_per_node={processes}",
            f"--master_port={free_port()}", *flags]


def accelerate(*flags):
    return [PYTHON.parent / "accelerate", "launch", *flags]


def mpirun(*flags, processes=2):
    root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    return ["mpirun", *root, "--oversubscribe", "--bind-to", "none", *flags, "-np", str(processes)]


def have_mpirun():
    return shutil.which("mpirun") is not None


def mpirun_leaves_no_time():
    """Open MPI 5 kills its processes a quarter of a second after it was asked to end, and cannot be told to wait."""
    version = subprocess.run(["mpirun", "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    return int(re.search(r"(\d+)\.\d+", version)[1]) >= 5


def hydra(*flags, processes=2):
    """mpiexec of MPICH and Intel MPI, which say a rank's place in PMI_*."""
    return ["mpiexec.hydra", *flags, "-n", str(processes)]


def have_hydra():
    return shutil.which("mpiexec.hydra") is not None


def by_hand(rank, world, port, **more):
    """Variables that start one rank of a job without any launcher."""
    return {"RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(world),
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), **more}


# ---------------------------------------------------------------------------------------------- results


def load(path):
    return torch.load(path, weights_only=True)


def model_of(folder, name="last.bin"):
    return load(pathlib.Path(folder) / name)["model"]


def assert_equal_models(left, right):
    assert left.keys() == right.keys()
    different = [name for name in left if not torch.equal(left[name], right[name])]
    assert not different, f"{len(different)} of {len(left)} tensors differ: {different[:5]}"


def log_without_times(folder):
    log = pandas.read_csv(pathlib.Path(folder) / "logs.csv")
    return log.drop(columns=["batch_time", "batch_time_data"])


def assert_same_training(left, right):
    """Equal weights, optimizer state and log, bit for bit, apart from times."""
    assert_equal_models(model_of(left), model_of(right))
    of_left, of_right = (load(pathlib.Path(folder) / "last.bin") for folder in (left, right))
    assert of_left["step"] == of_right["step"]
    for index, state in of_left["optimizer"]["state"].items():
        for name, value in state.items():
            other = of_right["optimizer"]["state"][index][name]
            assert torch.equal(value, other) if torch.is_tensor(value) else value == other, (index, name)
    pandas.testing.assert_frame_equal(log_without_times(left), log_without_times(right), check_exact=True)


def assert_good_folder(folder):
    """last.bin can be read, and nothing half-written is left."""
    folder = pathlib.Path(folder)
    assert load(folder / "last.bin")["step"] >= 0
    assert not [path.name for path in folder.iterdir() if ".tmp" in path.name]
