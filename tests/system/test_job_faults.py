"""A job of several processes in which one fails: all end, in time, with a message that names rank and cause, and what was
saved stays good. And requests: whoever is asked to stop or to save, all do it after the same step."""

import os
import re
import signal
import socket

import pytest

from jobs import (PROGRAM, assert_good_folder, assert_same_training, by_hand, endless, free_port, have_hydra,
                  have_mpirun, hydra, load, model_of, mpirun, mpirun_leaves_no_time, standalone, training, wait_for_pid,
                  write_rows)

IN_TIME = 40  # seconds for the end of a job after a fault: the monitor's grace and the launcher's come before
STOPPED, PEER, INTERNAL = 75, 76, 70

needs_mpirun = pytest.mark.skipif(not have_mpirun(), reason="mpirun (Open MPI) is not there")
needs_hydra = pytest.mark.skipif(not have_hydra(), reason="mpiexec.hydra (MPICH) is not there")


def under_torchrun(folder, *flags):
    return [*standalone(), PROGRAM, *endless(folder, "--batch-size", "4", *flags)]


def under_mpirun(folder, *flags):
    return [*mpirun(), PROGRAM, *endless(folder, "--batch-size", "4", *flags)]


def under_hydra(folder, *flags):
    return [*hydra(), PROGRAM, *endless(folder, "--batch-size", "4", *flags)]


def by_itself(folder, *flags):
    return [PROGRAM, "--devices", "cpu:2", *endless(folder, "--batch-size", "8", *flags)]


LAUNCHERS = [pytest.param(under_torchrun, 1, id="torchrun"),  # torchrun's code is always 1
             pytest.param(under_mpirun, None, id="mpirun", marks=needs_mpirun),
             pytest.param(under_hydra, int(signal.SIGKILL), id="mpich", marks=needs_hydra),
             pytest.param(by_itself, None, id="self")]


def root_cause(text):
    """Rank and exit code in torchrun's report of the first failure, and the report."""
    block = text[text.index("Root Cause"):]
    rank = int(re.search(r"rank\s*: (\d+)", block)[1])
    code = int(re.search(r"exitcode\s*: (-?\d+)", block)[1])
    return rank, code, block


def pair(jobs, folder, *flags, of_rank_1=(), env_1=None, **more):
    """Both ranks of a job, started by hand."""
    port = free_port()
    flags = ["--batch-size", "4", *flags]
    return [jobs(PROGRAM, *endless(folder, *flags), env=by_hand(0, 2, port), **more),
            jobs(PROGRAM, *endless(folder, *flags, *of_rank_1), env={**by_hand(1, 2, port), **(env_1 or {})}, **more)]


# ---------------------------------------------------------------------------------------------- killed processes


@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize("launcher, code", LAUNCHERS)
def test_kill_of_a_rank(jobs, tmp_path, launcher, code, victim):
    job = jobs(*launcher(tmp_path))
    job.wait_for("Saved .*/3.bin")
    os.kill(job.ranks()[victim], signal.SIGKILL)
    assert job.end(IN_TIME) == (code or 128 + signal.SIGKILL)
    assert not job.alive()
    if launcher is under_torchrun:
        assert root_cause(job.text)[:2] == (victim, -signal.SIGKILL), job.text
    # The survivor says whom it has lost, unless a launcher, which says it too, ends it first.
    said = {under_mpirun: rf"(?s)process rank {victim} .* exited on\s+signal 9",
            under_hydra: r"(?s)BAD TERMINATION.*(Killed \(signal 9\)|EXIT CODE: 9)"}
    survivor = rf"error: .*rank {victim}\b.*(no sign of life|has ended)|store .*gone"
    assert re.search(said.get(launcher, survivor), job.text), job.text
    assert_good_folder(tmp_path / "out")


@pytest.mark.parametrize("launcher, code", LAUNCHERS)
def test_kill_of_the_launcher(jobs, tmp_path, launcher, code):
    job = jobs(*launcher(tmp_path))
    job.wait_for("Saved .*/3.bin")
    assert sorted(job.ranks()) == [0, 1]
    job.process.kill()
    job.wait_until_gone(IN_TIME)
    if launcher in (under_torchrun, by_itself):  # the pipes of an mpiexec end with it
        job.end()
        assert re.search(rf"Stopped because the launcher \(process {job.pid}\) died after step \d+, which is saved", job.text), job.text
    assert_good_folder(tmp_path / "out")


def test_segmentation_fault_of_a_rank(jobs, tmp_path):
    job = jobs(*under_torchrun(tmp_path), CANINE_FAULT="segv@1:5:in_backward")
    assert job.end(IN_TIME) == 1
    rank, code, block = root_cause(job.text)
    assert (rank, code) == (1, -signal.SIGSEGV), block
    assert "signal 11 (SIGSEGV)" in block, block


# ---------------------------------------------------------------------------------------------- joining


def test_a_missing_rank_is_named(jobs, tmp_path):
    job = jobs(PROGRAM, *training(tmp_path, "--timeout-init", "2"), env=by_hand(0, 3, free_port()))
    assert job.end(IN_TIME) == PEER
    assert "ranks 1, 2 have not joined the job of 3 processes within 2 s (--timeout-init)" in job.text
    assert not (tmp_path / "out").exists()


def test_a_missing_first_rank_is_named(jobs, tmp_path):
    port = free_port()
    job = jobs(PROGRAM, *training(tmp_path, "--timeout-init", "2"), env=by_hand(1, 2, port))
    assert job.end(IN_TIME) == PEER
    assert f"127.0.0.1:{port}" in job.text and "rank 0" in job.text and "--timeout-init" in job.text


def test_a_port_in_use_is_named(jobs, tmp_path):
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = owner.getsockname()[1]
        first = jobs(PROGRAM, *training(tmp_path, "--timeout-init", "3"), env=by_hand(0, 2, port))
        second = jobs(PROGRAM, *training(tmp_path, "--timeout-init", "3"), env=by_hand(1, 2, port))
        assert first.end(IN_TIME) in (PEER, 2)
        assert str(port) in first.text and "in use" in first.text, first.text
        assert second.end(IN_TIME) == PEER
        assert str(port) in second.text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "flags, field, values",
    [
        (["--learning-rate", "2e-3"], "--learning-rate", ("0.001", "0.002")),
        (["--freeze-encoder"], "--freeze-encoder", ()),
        (["--seed", "5"], "--seed", ("0", "5")),
    ],
)
def test_different_arguments_end_all_ranks(jobs, tmp_path, flags, field, values):
    ranks = pair(jobs, tmp_path, of_rank_1=flags)
    codes = [job.end(IN_TIME) for job in ranks]
    assert codes[0] == codes[1] and codes[0] in (2, PEER), codes
    for job in ranks:
        assert field in job.text
        for value in values:
            assert re.search(rf"\b{re.escape(value)}\b", job.text), job.text
    assert not list((tmp_path / "out").glob("*.bin"))


def test_different_data_end_all_ranks(jobs, tmp_path):
    """Two hosts with folders of their own, of which one has other rows in a file of the same name."""
    hosts = [tmp_path / "a", tmp_path / "b"]
    for host in hosts:
        host.mkdir()
        rows = write_rows(host)
    rows.write_text(rows.read_text().replace("coal merchant", "cool merchant"))
    port = free_port()
    jobs(PROGRAM, *training(hosts[1], "--dataset", "rows.csv", "--prepare-only"), folder=hosts[1]).succeed()
    ranks = [jobs(PROGRAM, *endless(host, "--dataset", "rows.csv"), env=by_hand(rank, 2, port), folder=host)
             for rank, host in enumerate(hosts)]
    assert [job.end(IN_TIME) for job in ranks] == [2, 2]
    for job in ranks:
        assert "the processes of this job differ in data: " in job.text, job.text
    assert not [path for host in hosts for path in (host / "out").glob("*.bin")]


def test_a_second_job_in_the_same_folder_is_refused(jobs, tmp_path):
    first = jobs(*by_itself(tmp_path))
    first.wait_for("Batch 3/")
    holder = first.ranks()[0]
    second = jobs(*by_itself(tmp_path))
    assert second.end(IN_TIME) == 73
    assert f"{holder}" in second.text
    first.process.terminate()
    assert first.end(IN_TIME) == STOPPED


# ---------------------------------------------------------------------------------------------- before the first step


def test_a_long_preparation_is_waited_for(jobs, tmp_path):  # D19
    """Longer than every deadline of the others, who say what they wait for."""
    job = jobs(PROGRAM, "--devices", "cpu:2", *training(tmp_path, "--timeout-init", "2", "--timeout-step", "2"),
               "--batch-size", "8", CANINE_FAULT="slow=8000@0:0:preparation")
    text = job.succeed()
    assert "injected fault: slow at preparation, rank 0" in text
    assert re.search(r"^\[rank 1\b[^]]*\] waiting for preparation of the data \(00:0\d\)$", text, re.M), text


@pytest.mark.parametrize("late", [0, 1])
def test_a_late_rank_is_waited_for_before_the_first_step(jobs, tmp_path, late):
    """One that downloads an encoder, for longer than every deadline of the others."""
    job = jobs(PROGRAM, "--devices", "cpu:2", *training(tmp_path, "--timeout-init", "2", "--timeout-step", "2"),
               "--batch-size", "8", CANINE_FAULT=f"slow=4000@{late}:0:joining")
    text = job.succeed()
    assert f"injected fault: slow at joining, rank {late}" in text


def test_a_rank_killed_before_the_first_step_ends_the_others(jobs, tmp_path):
    job = jobs(PROGRAM, "--devices", "cpu:2", *training(tmp_path, "--timeout-init", "3600"), "--batch-size", "8",
               CANINE_FAULT="kill@1:0:joining")
    assert job.end(IN_TIME) == 128 + signal.SIGKILL
    assert re.search(r"error: rank 0 of 2, waiting for rank 1 .*: rank 1 .*no sign of life", job.text), job.text


def test_a_failing_preparation_ends_all_ranks(jobs, tmp_path):  # D19
    """The code is that of the cause."""
    job = jobs(*by_itself(tmp_path), "--block-size", "3")
    assert job.end(IN_TIME) == 65
    assert re.search("rank 1 .*cannot be encoded", job.text), job.text


# ---------------------------------------------------------------------------------------------- in the middle


@pytest.mark.parametrize("point", ["loader", "in_backward", "pre_save"])
def test_an_exception_on_one_rank(jobs, tmp_path, point):  # D48
    rank = 0 if point == "pre_save" else 1
    job = jobs(*under_torchrun(tmp_path), CANINE_FAULT=f"throw@{rank}:6:{point}")
    assert job.end(IN_TIME) == 1
    found, code, block = root_cause(job.text)
    assert (found, code) == (rank, INTERNAL), block
    assert f"injected fault at {point} of step 6 on rank {rank}" in block, block
    assert not job.alive()
    assert_good_folder(tmp_path / "out")
    assert load(tmp_path / "out" / "last.bin")["step"] == 3


def test_an_exception_on_one_rank_by_itself(jobs, tmp_path):
    job = jobs(*by_itself(tmp_path), CANINE_FAULT="throw@1:5:in_backward")
    assert job.end(IN_TIME) == INTERNAL
    first = next(line for line in job.text.splitlines() if re.search(r"rank \d \(process", line))
    assert "rank 1 (process" in job.text, first
    assert re.search(r"rank 1.*injected fault at in_backward of step 5", job.text)


def test_a_first_rank_that_fails_and_leaves_last_is_the_error(jobs, tmp_path):
    """The others end before it, since they need its store; what they lost is not the cause."""
    job = jobs(PROGRAM, "--devices", "cpu:3", *training(tmp_path, "--batch-size", "12"),
               CANINE_FAULT="throw@0:3:in_backward")
    assert job.end(IN_TIME) == INTERNAL
    ends = [line for line in job.text.splitlines() if re.match(r"(error|note): rank \d \(process", line)]
    assert [line for line in ends if line.startswith("error: ")] == [line for line in ends if "rank 0 " in line], ends
    assert sorted(re.search(r"rank (\d)", line)[1] for line in ends) == ["0", "1", "2"], ends
    assert all("code 76, having lost another rank" in line for line in ends if "rank 0 " not in line), ends


def test_a_first_rank_killed_after_joining_is_noticed_at_once(jobs, tmp_path):
    """Not at the end of --timeout-init, for which c10d would try the port again."""
    port = free_port()
    flags = ("--batch-size", "4", "--timeout-init", "3600")
    ranks = [jobs(PROGRAM, *endless(tmp_path, *flags), env=by_hand(rank, 3, port),
                  CANINE_FAULT="kill@0:0:preparation") for rank in range(3)]
    assert ranks[0].end(IN_TIME) == -signal.SIGKILL
    for rank in ranks[1:]:
        assert rank.end(IN_TIME) == PEER
        assert re.search(r"error: .*(store|rank 0)", rank.text), rank.text


def test_a_save_that_fails_ends_all_ranks(jobs, tmp_path):
    job = jobs(*under_torchrun(tmp_path), CANINE_FAULT="slow=300@0:1:pre_forward")
    job.wait_for("Saved out/3.bin")
    (tmp_path / "out" / "6.bin" / "occupied").mkdir(parents=True)  # where the next one should go
    assert job.end(IN_TIME) == 1
    assert re.search(r"(?m)^error: .*6.bin", job.text), job.text
    _, code, block = root_cause(job.text)
    assert "6.bin" in block and code not in (PEER, -signal.SIGTERM), block
    assert load(tmp_path / "out" / "last.bin")["step"] == 3
    assert_good_folder(tmp_path / "out")


@pytest.mark.parametrize("victim", [0, 1])
def test_a_stopped_rank_is_named(jobs, tmp_path, victim):
    # No saves meanwhile: what rank 0 does alone has the longer deadline of --timeout-init.
    ranks = pair(jobs, tmp_path, "--timeout-step", "3", "--save-interval", "1000000")
    ranks[0].wait_for("Batch 3/")
    os.kill(ranks[victim].pid, signal.SIGSTOP)
    survivor = ranks[1 - victim]
    assert survivor.end(IN_TIME) == PEER
    assert re.search(rf"error: .*rank {victim}\b", survivor.text), survivor.text
    if victim == 1:  # it finds itself alone
        os.kill(ranks[victim].pid, signal.SIGCONT)
        assert ranks[victim].end(IN_TIME) == PEER


def test_a_rank_that_hangs_is_named(jobs, tmp_path):
    ranks = pair(jobs, tmp_path, "--timeout-step", "3", CANINE_FAULT="hang@1:6:pre_forward")
    assert ranks[0].end(IN_TIME) == PEER
    assert re.search(r"error: .*rank 1\b.*step 6", ranks[0].text), ranks[0].text


def test_the_slowest_rank_is_named(jobs, tmp_path):
    text = jobs(PROGRAM, "--devices", "cpu:2", *training(tmp_path, "--batch-size", "8", "--num-epochs", "1"),
                CANINE_FAULT="slow=300@1:1:pre_forward").succeed()
    assert re.search(r"Slowest: rank 1, 0\.[3-9]\d*s a step before the exchange of gradients, the others", text), text


def test_a_loss_that_is_not_finite_on_one_rank(jobs, tmp_path):
    job = jobs(PROGRAM, "--devices", "cpu:2", *training(tmp_path, "--batch-size", "8", "--check-sync", "1"),
               CANINE_FAULT="nan@1:4:pre_backward")
    text = job.succeed()
    assert re.search(r"\[rank 1 .*warning: step 4: the loss is not finite here, so all processes left this update out",
                     text), text
    model = model_of(tmp_path / "out")
    assert all(tensor.isfinite().all() for tensor in model.values() if tensor.is_floating_point())
    assert load(tmp_path / "out" / "last.bin")["step"] == 18


# ---------------------------------------------------------------------------------------------- requests


# From step 7 on there is time to ask. Open MPI takes its time: from SIGTERM to mpirun to that of the ranks passes as long
# as from there to SIGKILL.
MPI_KILL_SECONDS = 3
SLOW = "slow=700@0:7:pre_forward"


def finite(launcher, folder):
    """The run of `two_ranks`, slowed down, and the same without."""
    if launcher == "torchrun":
        return [*standalone(), PROGRAM, *training(folder, "--batch-size", "4")]
    if launcher == "mpich":
        return [*hydra(), PROGRAM, *training(folder, "--batch-size", "4")]
    if launcher == "mpirun":
        return [*mpirun("--mca", "odls_base_sigkill_timeout", str(MPI_KILL_SECONDS)), PROGRAM, *training(folder, "--batch-size", "4")]
    return [PROGRAM, "--devices", "cpu:2", *training(folder, "--batch-size", "8")]


@pytest.mark.parametrize(
    "launcher, asked, code",
    [
        pytest.param("torchrun", "launcher", 1, id="torchrun"),
        pytest.param("mpirun", "launcher", None, id="mpirun", marks=needs_mpirun),
        pytest.param("mpich", "launcher", None, id="mpich", marks=needs_hydra),
        pytest.param("self", "launcher", STOPPED, id="self"),
        pytest.param("self", 0, STOPPED, id="rank-0"),
        pytest.param("self", 1, STOPPED, id="rank-1"),
    ],
)
def test_a_stop_request_and_an_exact_resume(jobs, tmp_path, two_ranks, launcher, asked, code):  # D08, D48
    job = jobs(*finite(launcher, tmp_path), CANINE_FAULT=SLOW)
    job.wait_for("Batch 8/9")
    if launcher == "mpirun" and mpirun_leaves_no_time():
        asked = 1
    os.kill(job.pid if asked == "launcher" else job.ranks()[asked], signal.SIGTERM)
    ended = job.end(IN_TIME)
    assert code is None or ended == code, job.text
    assert ended != 0
    stop = re.search(r"Stopped .*after step (\d+), which is saved", job.text)
    assert stop, job.text
    step = int(stop[1])
    assert load(tmp_path / "out" / "last.bin")["step"] == step
    assert job.text.count(f"Saved out/{step}.bin") == 1
    assert 8 <= step < 18
    assert not job.alive()

    again = jobs(*finite(launcher, tmp_path))
    assert f"(step {step} of 18)" in again.wait_for("Resuming from")
    again.succeed()
    assert_same_training(tmp_path / "out", two_ranks)


@pytest.mark.parametrize(
    "launcher, asked",
    [pytest.param(by_itself, "launcher", id="self"), pytest.param(by_itself, 1, id="rank-1"),
     pytest.param(under_mpirun, "launcher", id="mpirun", marks=needs_mpirun)],
)
def test_a_request_for_a_checkpoint(jobs, tmp_path, launcher, asked):
    job = jobs(*launcher(tmp_path, "--save-interval", "1000000"))
    job.wait_for("Batch 3/")
    for count in (1, 2):
        os.kill(job.pid if asked == "launcher" else job.ranks()[asked], signal.SIGUSR1)
        line = job.wait_for(r"Saved out/\d+.bin", count=count)
        saved = int(re.search(r"(\d+).bin", line)[1])
        job.wait_for("Batch 9/9", count=1 + job.text.count("Batch 9/9"))  # it goes on
        assert load(tmp_path / "out" / f"{saved}.bin")["step"] == saved
    job.process.terminate()
    job.end(IN_TIME)
    assert_good_folder(tmp_path / "out")


def test_a_second_signal_ends_at_once(jobs, tmp_path):
    """Not after the step that never ends."""
    job = jobs(*by_itself(tmp_path), CANINE_FAULT="hang@1:6:pre_forward")
    job.wait_for("injected fault: hang")
    hanging = job.ranks()[1]
    while hanging in job.alive():
        os.kill(hanging, signal.SIGTERM)  # two that arrive together are one
        wait_for_pid(hanging, 0.2)
    assert job.end(IN_TIME) == 128 + signal.SIGTERM
    assert not job.alive()


@pytest.mark.parametrize("devices", ["cpu", "cpu:2"])
def test_a_request_in_the_preparation(jobs, tmp_path, devices):
    """The first process finishes it, and nobody starts what comes after it."""
    flags = training(tmp_path, "--devices", devices, "--batch-size", "8")
    job = jobs(PROGRAM, *flags, CANINE_FAULT="slow=3000@0:0:preparation")
    job.wait_for("injected fault: slow at preparation")
    job.process.terminate()
    assert job.end(IN_TIME) == STOPPED, job.text
    assert "Stopped by signal 15 before the first step" in job.text
    assert (tmp_path / "out" / "prepared.json").exists()
    assert not (tmp_path / "out" / "last.bin").exists() and "Starting Epoch" not in job.text
    assert not job.alive()


def test_a_request_to_another_process_in_the_preparation(jobs, tmp_path):
    """All agree on it before the first step."""
    job = jobs(*by_itself(tmp_path), CANINE_FAULT="slow=3000@0:0:preparation")
    job.wait_for("injected fault: slow at preparation")
    job.wait_for("Process 1 using device")
    os.kill(job.ranks()[1], signal.SIGTERM)
    assert job.end(IN_TIME) == STOPPED, job.text
    assert "Stopped on request of another process before the first step" in job.text
    assert "Starting Epoch" not in job.text


def test_a_request_in_a_validation(jobs, tmp_path):
    """Of 32 batches, so that there is time to ask; the run that goes on makes up for it."""
    flags = [PROGRAM, "--devices", "cpu:2",
             *training(tmp_path, "--batch-size", "8", "--share-val", "0.4", "--eval-batch-size", "1")]
    job = jobs(*flags, CANINE_FAULT="slow=300@1:3:validation")
    job.wait_for("injected fault: slow at validation")
    job.process.terminate()
    assert job.end(IN_TIME) == STOPPED, job.text
    assert "The validation is broken off" in job.text and "after step 4, which is saved" in job.text
    assert not (tmp_path / "out" / "logs.csv").exists()
    assert jobs(*flags).succeed().count("EVALUATION RESULTS") == 3  # of steps 4, 8 and 12


def test_a_slow_rank_is_waited_for_in_a_validation(jobs, tmp_path):
    """Each of its batches is within the deadline; all of them together are not."""
    job = jobs(PROGRAM, "--devices", "cpu:2", *training(tmp_path, "--batch-size", "8", "--eval-batch-size", "1"),
               "--num-epochs", "1", "--eval-interval", "9", "--timeout-step", "4", CANINE_FAULT="slow=1500@1:0:validation")
    assert "8 of 8 rows" in job.succeed()


def test_a_rank_that_hangs_in_a_validation_is_named_with_the_batch(jobs, tmp_path):
    job = jobs(*by_itself(tmp_path, "--eval-interval", "2", "--eval-batch-size", "1", "--timeout-step", "3"),
               CANINE_FAULT="hang@1:3:validation")
    assert job.end(IN_TIME) == PEER, job.text
    assert re.search(r"--timeout-step\) for .*of the validation.*\. rank 1 .*: in 'validation: batch 4 of 8' for", job.text)


# ---------------------------------------------------------------------------------------------- mended defects


def test_validation_right_after_the_first_step(jobs, tmp_path):  # D06, D05
    text = jobs(PROGRAM, "--devices", "cpu:2",
                *training(tmp_path, "--batch-size", "8", "--eval-interval", "1", "--num-epochs", "1")).succeed()
    assert text.count("8 of 8 rows") == 9


def test_validation_does_not_depend_on_the_number_of_processes(jobs, tmp_path):  # D05
    import pandas

    logs = []
    for devices in ("cpu", "cpu:2", "cpu:4"):
        out = tmp_path / devices.replace(":", "")
        jobs(PROGRAM, "--devices", devices,
             *training(tmp_path, "--batch-size", "8", "--learning-rate", "0", "--num-epochs", "1", save_path=out)).succeed()
        logs.append(pandas.read_csv(out / "logs.csv"))
    for log in logs[1:]:
        for column in ("val_loss", "val_loss_linear", "val_loss_seq2seq"):
            assert list(log[column]) == pytest.approx(list(logs[0][column]), rel=1e-6)
        for column in ("seq_acc", "token_acc", "flat_acc", "step"):
            assert list(log[column]) == list(logs[0][column])


def test_a_frozen_encoder_on_two_ranks(jobs, tmp_path):  # D09
    flags = ("--batch-size", "8", "--freeze-encoder", "--check-sync", "1", "--num-epochs", "1")
    jobs(PROGRAM, "--devices", "cpu:2", *training(tmp_path, *flags)).succeed()
    jobs(PROGRAM, "--devices", "cpu:2", *training(tmp_path, *flags, "--num-epochs", "2")).succeed()  # resumed
    import torch

    early, late = model_of(tmp_path / "out", "3.bin"), model_of(tmp_path / "out", "last.bin")
    same = {name for name in early if torch.equal(early[name], late[name])}
    assert {name for name in early if name.startswith("encoder.")} <= same
    assert "linear_decoder.weight" not in same
