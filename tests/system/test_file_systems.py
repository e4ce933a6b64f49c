"""Folders on file systems that lack calls, such as object stores shown as folders."""

import os
import shutil
import subprocess

import pytest

from conftest import FIXTURES, ROOT, built, clean_environment

MODEL = ("--model", FIXTURES / "trained.safetensors", "--mapping", FIXTURES / "data/key.csv", "--target-cols", "hisco_1",
         "hisco_2", "--block-size", "5", "--encoder-config", FIXTURES / "encoder/config.json", "--num-threads", "1")
PREDICT = ("predict", "--fn-in", "in.csv", "--fn-out", "out/rows.csv", *MODEL)
TRAIN = ("finetune", "--dataset", FIXTURES / "run/input.csv", "--target-cols", "hisco_1", "--language", "en", "--num-threads", "1",
         "--allow-codes-shorter-than-block-size", "--encoder-config", FIXTURES / "encoder/config.json", "--num-epochs", "1",
         "--save-interval", "1", "--batch-size", "64", "--max-len", "32", "--save-path", "out")
TRAIN_MIXER = ("train_mixer", "--train-data", FIXTURES / "run/data_train.csv", "--val-data", FIXTURES / "run/data_val.csv",
               "--formatter", "gpf", "--target-cols", "hisco_1", "--num-threads", "1", "--encoder-config",
               FIXTURES / "encoder/config.json", "--num-epochs", "1", "--batch-size", "64", "--max-len", "32", "--save-dir", "out")
EVALUATE = ("evaluate", "--checkpoint", *MODEL[1:], "--val-data", FIXTURES / "data/data_val.csv", "--fn-out", "out/rows.csv")
REPLAY = ("replay", FIXTURES, "--out", "out")
CONVERT = ("convert", FIXTURES / "after10.bin", "out/model.bin")


@pytest.fixture(scope="session")
def faults(tmp_path_factory):
    """A library that takes calls away."""
    compiler = shutil.which("cc") or shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-x", "c", "-o", library, ROOT / "tests/system/file_system_faults.c", "-ldl"],
                   check=True)
    return library


@pytest.fixture
def run(faults, tmp_path):
    (tmp_path / "in.csv").write_text("occ1\nbaker\nsmith\n")
    (tmp_path / "out").mkdir()

    def run(command, lacking, *more):
        environment = clean_environment(LACKS=lacking, **({"LD_PRELOAD": str(faults)} if lacking else {}))
        return built(command[0], tmp_path).run(*command[1:], *more, env=environment)

    return run


@pytest.mark.parametrize("lacking, words", [("rename", "cannot rename files"), ("removal", "cannot remove files"),
                                            ("appending", "cannot add to files")])
@pytest.mark.parametrize("command", [PREDICT, TRAIN, TRAIN_MIXER, EVALUATE, REPLAY, CONVERT],
                         ids=lambda command: command[0])
def test_what_cannot_be_done_without_is_found_at_the_start(run, tmp_path, command, lacking, words):
    result = run(command, lacking)
    assert result.returncode == 73, result.stderr
    assert words in result.stderr and "write to a folder on a local disk" in result.stderr
    assert lacking == "removal" or os.listdir(tmp_path / "out") == []
    assert "Model:" not in result.stdout and "Loaded" not in result.stdout


def test_the_rest_is_not_needed(run, tmp_path):
    expected = run(PREDICT, "")
    assert expected.returncode == 0, expected.stderr
    rows = (tmp_path / "out/rows.csv").read_bytes()
    result = run(PREDICT, "fsync link truncation", "--overwrite")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("has no fsync") == 1 and "has no fsync" not in expected.stderr
    assert (tmp_path / "out/rows.csv").read_bytes() == rows


def test_a_run_needs_no_links_no_fsync_and_no_truncation(run, tmp_path):
    result = run(TRAIN, "fsync link truncation")
    assert result.returncode == 0, result.stderr
    step = max(int(path.stem) for path in (tmp_path / "out").glob("[0-9]*.bin"))
    assert (tmp_path / "out/last.bin").read_bytes() == (tmp_path / f"out/{step}.bin").read_bytes()


def test_rows_that_cannot_be_cut_off_are_told_of_with_a_way_out(run, tmp_path):
    (tmp_path / "in.csv").write_text("occ1\n" + "".join(f"baker {i}\n" for i in range(500)))
    command = [*PREDICT, "--batch-size", "8", "--checkpoint-interval", "0"]
    killed = built("predict", tmp_path).run(*command[1:], env=clean_environment(CANINE_FAULT="kill@0:2:predicted"))
    assert killed.returncode < 0, killed.stderr
    with open(tmp_path / "out/rows.csv.partial", "a") as file:
        file.write("torn,")
    result = run(command, "truncation", "--resume")
    assert result.returncode == 74 and "copy the file and its .progress to a local disk" in result.stderr, result.stderr
    assert run(command, "", "--resume").returncode == 0
