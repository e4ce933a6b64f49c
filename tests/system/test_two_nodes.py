"""Jobs over two hosts (network namespaces on this machine): mpirun, torchrun, and a network that goes away."""

import os
import re

import pytest

from jobs import (MARK, PROGRAM, TRAIN_MIXER, assert_good_folder, assert_same_training, free_port, have_hydra,
                  have_mpirun, hydra, load, log_without_times, mixer_training, mpirun, torchrun, training, wait_for_pid)
from two_hosts import ADDRESSES, two_hosts_or_skip

IN_TIME = 60  # seconds


@pytest.fixture
def hosts(tmp_path):
    with two_hosts_or_skip(tmp_path) as built:
        yield built


def across(hosts, folder, *flags, **more):
    """torchrun of each host: four ranks, two rows each."""
    port = free_port()  # of this host, which says nothing about theirs; theirs are all free
    return [
        [*hosts.on(node), *torchrun("--nnodes=2", f"--node_rank={node}", f"--master_addr={ADDRESSES[0]}",
                                    f"--master_port={port}"),
         PROGRAM, *training(folder, "--batch-size", "2", *flags, **more)]
        for node in range(2)
    ]


@pytest.mark.skipif(not have_mpirun(), reason="mpirun (Open MPI) is not there")
def test_mpirun_across_two_hosts(jobs, tmp_path, hosts, two_ranks):
    """No MASTER_ADDR, no network interface: MPI agrees on a place to meet, Gloo takes the addresses that reach it.

    Nor --distributed (D02); and ranks are not local ranks (D01): eight ranks, not twice four, train and write together.
    """
    network = ADDRESSES[0].rsplit(".", 1)[0] + ".0/24"
    job = jobs(*hosts.on(0), *mpirun("--mca", "plm_rsh_agent", hosts.agent(), "--mca", "oob_tcp_if_include", network,
                                     "--mca", "btl_tcp_if_include", network, "--mca", "btl", "tcp,self",
                                     "-H", f"{ADDRESSES[0]}:4,{ADDRESSES[1]}:4", "--map-by", "ppr:4:node", "-x", MARK,
                                     processes=8),
               TRAIN_MIXER, *mixer_training(two_ranks, "--batch-size", "1", "--check-sync", "3"))
    text = job.succeed(IN_TIME)
    assert re.search("launcher=openmpi rank=0/8 local=0/4 because", text)
    assert "Number of processes: 8" in text
    for rank in range(8):
        assert text.count(f"Process {rank} using device: cpu") == 1
    assert text.count("Starting Epoch 0") == 1
    assert text.count("8 of 8 rows") == 5  # every row once, although ranks outnumber batches
    # Local ranks are 0 to 3 on both hosts; the rows are those of eight ranks.
    assert load(tmp_path / "out" / "last.bin")["step"] == 18
    here, there = log_without_times(tmp_path / "out"), log_without_times(two_ranks)
    assert list(here["step"]) == list(there["step"])
    assert list(here["train_loss"]) == pytest.approx(list(there["train_loss"]), rel=2e-2)
    assert_good_folder(tmp_path / "out")


@pytest.mark.skipif(not have_hydra(), reason="mpiexec.hydra (MPICH) is not there")
def test_mpich_across_two_hosts(jobs, tmp_path, hosts, two_ranks):
    """PMI_* say no address, so the user does; who does not is told at once."""
    start = hydra("-hosts", ",".join(ADDRESSES), "-ppn", "1", "-launcher", "ssh", "-launcher-exec", str(hosts.agent()),
                  "-localhost", ADDRESSES[0])
    flags = training(tmp_path, "--batch-size", "4")
    without = jobs(*hosts.on(0), *start, PROGRAM, *flags)
    assert without.end(IN_TIME) != 0
    assert "set MASTER_ADDR to an address of" in without.text, without.text

    address = ["-genv", "MASTER_ADDR", ADDRESSES[0], "-genv", "MASTER_PORT", str(free_port())]
    text = jobs(*hosts.on(0), *start[:-2], *address, *start[-2:], PROGRAM, *flags).succeed(IN_TIME)
    assert f"the ranks meet at {ADDRESSES[0]}:" in text
    assert_same_training(tmp_path / "out", two_ranks)


def test_torchrun_on_two_hosts_and_a_network_that_goes_away(jobs, tmp_path, hosts):
    whole = [jobs(*command) for command in across(hosts, tmp_path, save_path="whole")]
    texts = [job.succeed(IN_TIME) for job in whole]
    assert "launcher=torchrun rank=0/4 local=0/2 because" in texts[0]
    assert "Number of processes: 4" in texts[0]
    assert "Starting Epoch" in texts[0] and "Starting Epoch" not in texts[1]  # D01: the other host's first is not the first
    for rank in range(4):
        assert texts[rank // 2].count(f"Process {rank} using device: cpu") == 1

    sides = [jobs(*command, CANINE_FAULT="slow=300@0:5:pre_forward") for command in
             across(hosts, tmp_path, "--timeout-step", "4", "--timeout-init", "20")]
    sides[0].wait_for("Batch 5/9")
    ranks = {**sides[0].ranks(), **sides[1].ranks()}
    assert sorted(ranks) == [0, 1, 2, 3]
    hosts.cut()
    for pid in ranks.values():
        wait_for_pid(pid, IN_TIME)
    assert not sides[0].ranks() and not sides[1].ranks(), sides[0].text + sides[1].text
    for side, other in ((0, "[23]"), (1, "[01]")):
        said = [line for line in sides[side].lines if re.search(r"\[rank \d host .*error: ", line)]
        assert said, sides[side].text
        assert any(re.search(rf"rank {other}\b.*no sign of life|store at {re.escape(ADDRESSES[0])}.*does not answer", line)
                   for line in said), "\n".join(said)
    for side in sides:
        side.kill_all()  # torchrun's agents wait for each other
    hosts.mend()

    assert_good_folder(tmp_path / "out")
    again = [jobs(*command) for command in across(hosts, tmp_path)]
    texts = [job.succeed(IN_TIME) for job in again]
    assert re.search(r"Resuming from \S+ \(step [36] of 18\)", texts[0]), texts[0]
    assert_same_training(tmp_path / "out", tmp_path / "whole")


def test_ranks_of_two_hosts_meet_through_a_file(jobs, tmp_path, hosts, two_ranks):
    """Rank 0 says in it where it serves; nobody has said an address."""
    store = tmp_path / "store"
    ranks = [jobs(*hosts.on(rank), PROGRAM, *training(tmp_path, "--batch-size", "4", "--init-method", f"file://{store}"),
                  RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK="0", LOCAL_WORLD_SIZE="1") for rank in range(2)]
    texts = [job.succeed(IN_TIME) for job in ranks]
    assert f"launcher=env rank=0/2 local=0/1 because RANK and WORLD_SIZE are set; the ranks meet through the file {store}" in texts[0]
    assert not store.exists()
    assert_same_training(tmp_path / "out", two_ranks)


def test_ranks_by_hand_find_out_who_shares_their_host(jobs, tmp_path, hosts):
    """The first one calls its host localhost, as platforms with a container for each process have it."""
    port = free_port()
    ranks = [jobs(*hosts.on(rank), PROGRAM, *training(tmp_path, "--dry-run", "--batch-size", "4", "--num-threads", "0"),
                  env={"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": address, "MASTER_PORT": str(port), "OMP_NUM_THREADS": ""})
             for rank, address in enumerate(("localhost", ADDRESSES[0]))]
    texts = [rank.succeed(IN_TIME) for rank in ranks]
    assert "launcher=env rank=0/2 local=0/1 because RANK and WORLD_SIZE are set" in texts[0]
    threads = [re.search(rf"Process {rank} using device: cpu (\(.*\))", text)[1] for rank, text in enumerate(texts)]
    assert threads[0] == threads[1] and "shared" not in threads[0]
