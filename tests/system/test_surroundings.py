"""What the surroundings do to programs: limits, signals of batch systems and terminals, variables that are left, CPU quotas."""

import os
import pathlib
import resource
import signal
import subprocess

import pandas
import pytest

from conftest import FIXTURES, clean_environment
from jobs import PROGRAM, assert_good_folder, by_hand, endless, free_port, load, training

WEIGHTS = FIXTURES / "trained.safetensors"
CODES = ["--formatter", "gpf", "--mapping", FIXTURES / "data" / "key.csv", "--target-cols", "hisco_1", "hisco_2",
         "--block-size", "5", "--encoder-config", FIXTURES / "encoder" / "config.json", "--num-threads", "1"]
BIN = PROGRAM.parent
STOPPED, IO, USAGE = 75, 74, 2


def write_texts(folder, rows):
    pandas.DataFrame({"occ1": [f"smith {number}" for number in range(rows)]}).to_csv(folder / "in.csv", index=False)


# ---------------------------------------------------------------------------------------------- limits


def limited(command, folder, **limits):
    """Runs a command under limits of its resources, with the signals' default actions."""
    def limit():
        for number in (signal.SIGXFSZ, signal.SIGPIPE, signal.SIGXCPU):
            signal.signal(number, signal.SIG_DFL)
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, resource.getrlimit(getattr(resource, name))[1]))

    return subprocess.run([str(word) for word in command], cwd=folder, env=clean_environment(), capture_output=True, text=True,
                          timeout=120, check=False, preexec_fn=limit)


CONVERT = ["--mapping", FIXTURES / "data" / "key.csv", "--target-cols", "hisco_1", "hisco_2", "--block-size", "5",
           "--encoder-config", FIXTURES / "encoder" / "config.json"]
LARGE_FILES = {  # a program, and the bytes that its files may have
    "finetune": (lambda folder: [*training(folder, "--num-epochs", "1")], 30_000),
    "predict": (lambda folder: ["--model", WEIGHTS, *CODES, "--fn-in", "in.csv", "--mode", "flat", "--fn-out", "o.csv"], 4096),
    "evaluate": (lambda folder: ["--checkpoint", WEIGHTS, *CODES, "--val-data", FIXTURES / "data" / "data_val.csv",
                                 "--fn-out", "e.csv"], 2048),
    "convert": (lambda folder: [WEIGHTS, "c.bin", *CONVERT], 100_000),
    "replay": (lambda folder: [FIXTURES, "--out", "rep"], 100_000),
}


@pytest.mark.parametrize("program", LARGE_FILES)
def test_a_limit_on_the_size_of_files_is_an_error_with_its_cause(program, tmp_path):
    arguments, size = LARGE_FILES[program]
    write_texts(tmp_path, 1000)
    done = limited([BIN / program, *arguments(tmp_path)], tmp_path, RLIMIT_FSIZE=size)
    assert done.returncode == IO, done.stderr
    assert "error: " in done.stderr and f"File too large: this process may write files of at most {size:,} bytes" in done.stderr
    left = [path.name for path in tmp_path.rglob("*") if ".tmp" in path.name]
    assert not left
    finished = [name for name in ("o.csv", "e.csv", "c.bin", "out/last.bin") if (tmp_path / name).exists()]
    assert not finished


def test_the_limit_of_processor_time_is_a_request(jobs, tmp_path):
    """As the kernel sends it: again every second while the run saves and ends."""
    done = limited([PROGRAM, *endless(tmp_path)], tmp_path, RLIMIT_CPU=2)
    assert done.returncode == STOPPED, done.stderr
    assert "Stopped by signal 24 (the limit of processor time) after step" in done.stdout
    assert_good_folder(tmp_path / "out")


# ---------------------------------------------------------------------------------------------- a terminal's Ctrl-Z


def states(pids):
    return {pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] for pid in pids}


def test_ctrl_z_stops_a_job_that_goes_on_later_or_ends(jobs, tmp_path):
    job = jobs(PROGRAM, "--devices", "cpu:2", *endless(tmp_path, "--batch-size", "8"))
    job.wait_for("Batch 3/")
    ranks = list(job.ranks().values())
    os.kill(job.pid, signal.SIGTSTP)
    assert os.WIFSTOPPED(os.waitpid(job.pid, os.WUNTRACED)[1])
    while states(ranks) != {"T"}:
        os.sched_yield()
    os.kill(job.pid, signal.SIGCONT)
    job.wait_for("Batch 9/9", count=1 + job.text.count("Batch 9/9"))
    os.kill(job.pid, signal.SIGTSTP)
    assert os.WIFSTOPPED(os.waitpid(job.pid, os.WUNTRACED)[1])
    os.kill(job.pid, signal.SIGTERM)  # without SIGCONT
    assert job.end() == STOPPED, job.text
    assert not job.alive()
    assert_good_folder(tmp_path / "out")


# ---------------------------------------------------------------------------------------------- variables that are left

LEFT_BY_SRUN = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_STEP_NUM_TASKS": "2",
                "SLURM_STEP_TASKS_PER_NODE": "2", "SLURM_STEP_NODELIST": "localhost"}


@pytest.mark.parametrize("left", [LEFT_BY_SRUN, by_hand(0, 2, 29500)], ids=["srun", "by hand"])
def test_left_variables_have_a_way_out(jobs, tmp_path, left):
    left = {**left, "MASTER_PORT": str(free_port())}
    waiting = jobs(PROGRAM, *training(tmp_path, "--dry-run", "--timeout-init", "1"), env=left)
    assert waiting.end() == 76
    assert "rank 1 has not joined" in waiting.text and "add --launcher single" in waiting.text
    alone = ["--launcher", "single"]
    assert "Number of processes" not in jobs(PROGRAM, *training(tmp_path, "--dry-run", *alone), env=left).succeed()
    two = jobs(PROGRAM, *training(tmp_path, "--dry-run", *alone, "--devices", "cpu:2", "--batch-size", "8"), env=left).succeed()
    assert "Number of processes: 2" in two
    write_texts(tmp_path, 3)
    predict = [BIN / "predict", "--model", WEIGHTS, *CODES, "--fn-in", "in.csv", "--fn-out", "out.csv"]
    refused = jobs(*predict, env=left)
    assert refused.end() == USAGE and "--launcher single" in refused.text
    jobs(*predict, *alone, env=left).succeed()


def test_left_variables_are_not_kept_for_the_next_start(jobs, tmp_path):
    jobs(PROGRAM, *training(tmp_path, "--num-epochs", "1", "--launcher", "single")).succeed()
    assert "launcher" not in (tmp_path / "out" / "args.yaml").read_text()
    assert load(tmp_path / "out" / "last.bin")["step"] > 0


def test_an_address_that_is_none_is_refused_before_anything_else(jobs, tmp_path):
    job = jobs(PROGRAM, "--dataset", "absent.csv", env={**by_hand(0, 2, 29500), "MASTER_ADDR": "10.0.0.1 172.17.0.1"})
    assert job.end() == USAGE
    assert "MASTER_ADDR='10.0.0.1 172.17.0.1' names several addresses" in job.text


# ---------------------------------------------------------------------------------------------- CPU quotas


@pytest.fixture
def half_a_processor():
    """A control group with half a processor's time: the folder and the file that takes processes in."""
    for base, files in (("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}),
                        ("/sys/fs/cgroup", {"cpu.max": "50000 100000"})):
        group = pathlib.Path(base) / f"canine_test_{os.getpid()}"
        try:
            group.mkdir()
        except OSError as error:
            problem = error
            continue
        try:
            for name, value in files.items():
                with open(group / name, "r+") as file:  # made by the kernel, where it has this controller
                    file.write(value)
            yield group / "cgroup.procs"
            return
        except OSError as error:
            problem = error
        finally:
            group.rmdir()
    pytest.skip(f"no control group can be made here: {problem}")


def test_a_quota_of_processor_time_decides_the_threads(jobs, tmp_path, half_a_processor):
    flags = training(tmp_path, "--dry-run", "--num-threads", "0")
    start = f'echo $$ > {half_a_processor} && unset OMP_NUM_THREADS && exec "$0" "$@"'
    text = jobs("sh", "-c", start, PROGRAM, *flags).succeed()
    assert "using device: cpu (1 thread: CPU quota of 0.5 processors)" in text
