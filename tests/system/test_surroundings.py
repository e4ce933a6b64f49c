"""What the surroundings do to programs: limits, signals of batch systems and terminals, variables that are left, CPU quotas."""

import os
import pathlib
import resource
import signal
import subprocess

import pandas
import pytest

from conftest import FIXTURES, clean_environment
from jobs import (ENDLESS, PROGRAM, TRAIN_MIXER, assert_good_folder, by_hand, endless, free_port, load, mixer_training,
                  training)

WEIGHTS = FIXTURES / "trained.safetensors"
CODES = ["--formatter", "gpf", "--mapping", FIXTURES / "data" / "key.csv", "--target-cols", "hisco_1", "hisco_2",
         "--block-size", "5", "--encoder-config", FIXTURES / "encoder" / "config.json", "--num-threads", "1"]
BIN = PROGRAM.parent
STOPPED, IO, USAGE = 75, 74, 2


def write_texts(folder, rows):
    pandas.DataFrame({"occ1": [f"smith {number}" for number in range(rows)]}).to_csv(folder / "in.csv", index=False)


# ---------------------------------------------------------------------------------------------- limits


def limited(command, folder, stdout=subprocess.PIPE, **limits):
    """Runs a command under limits of its resources, with the signals' default actions."""
    def limit():
        for number in (signal.SIGXFSZ, signal.SIGPIPE, signal.SIGXCPU):
            signal.signal(number, signal.SIG_DFL)
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, resource.getrlimit(getattr(resource, name))[1]))

    return subprocess.run([str(word) for word in command], cwd=folder, env=clean_environment(), stdout=stdout,
                          stderr=subprocess.PIPE, text=True, timeout=120, check=False, preexec_fn=limit)


CONVERT = ["--mapping", FIXTURES / "data" / "key.csv", "--target-cols", "hisco_1", "hisco_2", "--block-size", "5",
           "--encoder-config", FIXTURES / "encoder" / "config.json"]
EVALUATE = ["--checkpoint", WEIGHTS, *CODES, "--val-data", FIXTURES / "data" / "data_val.csv"]
PREDICT = ["--model", WEIGHTS, *CODES, "--fn-in", "in.csv", "--mode", "flat", "--fn-out"]


def mix(*more):
    """Flags of train_mixer."""
    return mixer_training(FIXTURES / "run", *more)


LARGE_FILES = {  # a program, and the bytes that its files may have
    "finetune": (lambda folder: training(folder, "--num-epochs", "1"), 30_000),
    "train_mixer": (lambda folder: mix("--num-epochs", "1"), 30_000),
    "predict": (lambda folder: [*PREDICT, "o.csv"], 4096),
    "predict to gzip": (lambda folder: [*PREDICT, "o.csv.gz"], 4096),
    "predict to parquet": (lambda folder: [*PREDICT, "o.parquet"], 4096),
    "predict to a stream": (lambda folder: [*PREDICT, "-"], 4096),
    "evaluate": (lambda folder: [*EVALUATE, "--fn-out", "e.csv"], 2048),
    "convert": (lambda folder: [WEIGHTS, "c.bin", *CONVERT], 100_000),
    "convert to a folder": (lambda folder: [WEIGHTS, "c", "--formatter", "gpf", *CONVERT], 100_000),
    "replay": (lambda folder: [FIXTURES, "--out", "rep"], 10_000),
}


@pytest.mark.parametrize("case", LARGE_FILES)
def test_a_limit_on_the_size_of_files_is_an_error_with_its_cause(case, tmp_path):
    arguments, size = LARGE_FILES[case]
    write_texts(tmp_path, 1000)
    done = limited([BIN / case.split()[0], *arguments(tmp_path)], tmp_path, RLIMIT_FSIZE=size)
    assert done.returncode == IO, done.stderr
    assert "/proc/" not in done.stderr
    assert "error: " in done.stderr and f"File too large: this process may write files of at most {size:,} bytes" in done.stderr
    left = [path.name for path in tmp_path.rglob("*") if ".tmp" in path.name]
    assert not left
    finished = [name for name in ("o.csv", "o.csv.gz", "o.parquet", "e.csv", "c.bin", "c", "rep", "out/last.bin")
                if (tmp_path / name).exists()]
    assert not finished


RESULTS = {  # what a program prints is what it was started for
    "inspect": ["inspect", WEIGHTS, "--json"],
    "inspect table": ["inspect", WEIGHTS],
    "evaluate": ["evaluate", *EVALUATE, "--summary", "s.json"],
    "replay": ["replay", FIXTURES, "--out", "rep", "--compare"],
    "settings": ["train_mixer", "--print-config"],
    **{f"help of {program}": [program, "--help"] for program in ("finetune", "train_mixer", "evaluate", "predict", "convert")},
    "version": ["predict", "--version"],
}


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_that_cannot_be_printed_is_an_error_with_its_cause(result, tmp_path):
    program, *arguments = RESULTS[result]
    command = [BIN / program, *arguments]
    with open("/dev/full", "w") as full:
        done = limited(command, tmp_path, stdout=full)
    message = "error: cannot write to the standard output: "
    assert (done.returncode, done.stderr.count(message)) == (IO, 1), done.stderr
    assert message + "No space left on device" in done.stderr
    assert result != "evaluate" or (tmp_path / "s.json").exists()


def test_a_result_beyond_the_limit_on_the_size_of_files_is_an_error_with_its_cause(tmp_path):
    with open(tmp_path / "printed", "w") as printed:
        done = limited([BIN / "inspect", WEIGHTS, "--json"], tmp_path, stdout=printed, RLIMIT_FSIZE=1024)
    assert done.returncode == IO
    assert "error: cannot write to the standard output: File too large: this process may write files of at most 1,024 bytes" \
        in done.stderr
    assert (tmp_path / "printed").stat().st_size == 1024


def test_a_run_whose_story_cannot_be_printed_goes_on_with_one_warning(tmp_path):
    write_texts(tmp_path, 100)
    with open("/dev/full", "w") as full:
        done = limited([BIN / "predict", "--model", WEIGHTS, *CODES, "--fn-in", "in.csv", "--fn-out", "o.csv", "--batch-size", "8"],
                       tmp_path, stdout=full)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot write to the standard output: No space left on device") == 1
    assert len(pandas.read_csv(tmp_path / "o.csv")) == 100


def write_many_labels(folder):
    rows = pandas.read_csv(FIXTURES / "data" / "data_val.csv", dtype=str)
    pandas.concat([rows] * 4000).to_csv(folder / "many.csv", index=False)


@pytest.mark.parametrize("program, flags", [(PROGRAM, endless), (TRAIN_MIXER, lambda folder: mix(*ENDLESS))],
                         ids=["finetune", "train_mixer"])
def test_the_limit_of_processor_time_is_a_request(program, flags, tmp_path):
    """As the kernel sends it: again every second while the run saves and ends."""
    done = limited([program, *flags(tmp_path)], tmp_path, RLIMIT_CPU=2)
    assert done.returncode == STOPPED, done.stderr
    assert "Stopped by signal 24 (the limit of processor time) after step" in done.stdout
    assert_good_folder(tmp_path / "out")


def test_the_limit_of_processor_time_keeps_the_rows_of_predict(tmp_path):
    write_texts(tmp_path, 100_000)
    done = limited([BIN / "predict", *PREDICT, "o.csv"], tmp_path, RLIMIT_CPU=2)
    assert done.returncode == STOPPED, done.stderr
    assert "Stopped by signal 24 (the limit of processor time); " in done.stdout and "--resume goes on" in done.stdout
    assert (tmp_path / "o.csv.partial").exists()


def test_the_limit_of_processor_time_leaves_nothing_of_an_evaluation(tmp_path):
    write_many_labels(tmp_path)
    done = limited([BIN / "evaluate", *EVALUATE[:-1], "many.csv", "--fn-out", "e.csv"], tmp_path, RLIMIT_CPU=3)
    assert done.returncode == STOPPED, done.stderr
    assert "error: stopped by signal 24 (the limit of processor time) after " in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many.csv"]


def test_an_evaluation_that_is_asked_to_end_leaves_nothing(jobs, tmp_path):
    write_many_labels(tmp_path)
    job = jobs(BIN / "evaluate", *EVALUATE[:-1], "many.csv", "--fn-out", "e.csv", "--batch-size", "4")
    job.wait_for("Batch 10/")
    os.kill(job.pid, signal.SIGTERM)
    assert job.end() == STOPPED
    assert "stopped by signal 15 after " in job.text and "of 40,000 rows; nothing was written" in job.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many.csv"]


# ---------------------------------------------------------------------------------------------- a terminal's Ctrl-Z


def states(pids):
    return {pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] for pid in pids}


@pytest.mark.parametrize("program, flags", [
    (PROGRAM, lambda folder: endless(folder, "--batch-size", "8")),
    (TRAIN_MIXER, lambda folder: mix(*ENDLESS, "--batch-size", "40")),
    (BIN / "evaluate", lambda folder: [*EVALUATE[:-1], "many.csv", "--batch-size", "4", "--fn-out", "e.csv"])],
    ids=["finetune", "train_mixer", "evaluate"])
def test_ctrl_z_stops_a_job_that_goes_on_later_or_ends(jobs, tmp_path, program, flags):
    write_many_labels(tmp_path)
    job = jobs(program, "--devices", "cpu:2", *flags(tmp_path))
    job.wait_for("Batch ")
    ranks = list(job.ranks().values())
    assert len(ranks) == 2

    def stop():
        os.kill(job.pid, signal.SIGTSTP)
        assert os.WIFSTOPPED(os.waitpid(job.pid, os.WUNTRACED)[1])
        while states(ranks) != {"T"}:
            os.sched_yield()

    stop()
    seen = job.text.count("Batch ")
    os.kill(job.pid, signal.SIGCONT)
    job.wait_for("Batch ", count=seen + 12)
    stop()
    os.kill(job.pid, signal.SIGTERM)  # without SIGCONT
    evaluates = program.name == "evaluate"  # whose processes cannot go on later: those without files end at once
    assert job.end() == (128 + signal.SIGTERM if evaluates else STOPPED), job.text
    assert not job.alive()
    if evaluates:
        assert sorted(path.name for path in tmp_path.iterdir()) == ["many.csv"]
    else:
        assert_good_folder(tmp_path / "out")


# ---------------------------------------------------------------------------------------------- variables that are left

LEFT_BY_SRUN = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_STEP_NUM_TASKS": "2",
                "SLURM_STEP_TASKS_PER_NODE": "2", "SLURM_STEP_NODELIST": "localhost"}


TRAINERS = {"finetune": (PROGRAM, lambda folder: training(folder, "--dry-run")), "train_mixer": (TRAIN_MIXER, lambda folder: mix("--dry-run"))}
ALL_IN_JOBS = {**TRAINERS, "evaluate": (BIN / "evaluate", lambda folder: EVALUATE)}


@pytest.mark.parametrize("left", [LEFT_BY_SRUN, by_hand(0, 2, 29500)], ids=["srun", "by hand"])
@pytest.mark.parametrize("name", ALL_IN_JOBS)
def test_left_variables_have_a_way_out(jobs, tmp_path, name, left):
    program, flags = ALL_IN_JOBS[name]
    left = {**left, "MASTER_PORT": str(free_port())}
    waiting = jobs(program, *flags(tmp_path), "--timeout-init", "1", env=left)
    assert waiting.end() == 76
    assert "rank 1 has not joined" in waiting.text and "add --launcher single" in waiting.text
    alone = [program, *flags(tmp_path), "--launcher", "single"]
    assert "Number of processes" not in jobs(*alone, env=left).succeed()
    two = jobs(*alone, "--devices", "cpu:2", "--batch-size", "8", env=left).succeed()
    assert "Number of processes: 2" in two


@pytest.mark.parametrize("left", [LEFT_BY_SRUN, by_hand(0, 2, 29500)], ids=["srun", "by hand"])
def test_left_variables_have_a_way_out_of_predict(jobs, tmp_path, left):
    write_texts(tmp_path, 3)
    predict = [BIN / "predict", *PREDICT, "out.csv"]
    refused = jobs(*predict, env=left)
    assert refused.end() == USAGE and "--launcher single" in refused.text
    jobs(*predict, "--launcher", "single", env=left).succeed()


@pytest.mark.parametrize("name", ALL_IN_JOBS)
def test_half_of_a_launchers_variables_has_a_way_out(jobs, tmp_path, name):
    program, flags = ALL_IN_JOBS[name]
    job = jobs(program, *flags(tmp_path), env={"PMI_RANK": "0", "PMI_SIZE": "2"})
    assert job.end() == USAGE
    assert "is not set although" in job.text and "--launcher single" in job.text


def test_left_variables_are_not_kept_for_the_next_start(jobs, tmp_path):
    jobs(PROGRAM, *training(tmp_path, "--num-epochs", "1", "--launcher", "single")).succeed()
    assert "launcher" not in (tmp_path / "out" / "args.yaml").read_text()
    assert load(tmp_path / "out" / "last.bin")["step"] > 0


@pytest.mark.parametrize("name", ALL_IN_JOBS)
def test_an_address_that_is_none_is_refused_before_anything_else(jobs, tmp_path, name):
    files = {"finetune": "--dataset", "train_mixer": "--train-data", "evaluate": "--val-data"}
    job = jobs(ALL_IN_JOBS[name][0], files[name], "absent.csv", env={**by_hand(0, 2, 29500), "MASTER_ADDR": "10.0.0.1 172.17.0.1"})
    assert job.end() == USAGE
    assert "MASTER_ADDR='10.0.0.1 172.17.0.1' names several addresses" in job.text


@pytest.mark.parametrize("name", ALL_IN_JOBS)
def test_what_files_of_variables_leave_around_an_address_is_taken_off(jobs, tmp_path, name):
    program, flags = ALL_IN_JOBS[name]
    port = free_port()
    both = [jobs(program, *flags(tmp_path), "--batch-size", "8",
                 env={**by_hand(rank, 2, port), "MASTER_ADDR": address, "MASTER_PORT": f" {port}\r"})
            for rank, address in enumerate(("'127.0.0.1'", " 127.0.0.1\r"))]
    texts = [job.succeed() for job in both]
    assert "Number of processes: 2" in texts[0]


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
