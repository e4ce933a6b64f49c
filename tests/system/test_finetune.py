"""The program finetune from the outside: exit codes, streams, files."""

import json
import os
import pathlib
import shutil
import signal

import pandas
import pytest
import torch
import yaml

from conftest import FIXTURES, ROOT, clean_environment

ENCODER = FIXTURES / "encoder" / "config.json"
INPUT = FIXTURES / "run" / "input.csv"
DATA = ["--dataset", INPUT, "--target-cols", "hisco_1", "--language", "en", "--allow-codes-shorter-than-block-size"]
TRAINING = [*DATA, "--encoder-config", ENCODER, "--batch-size", "32", "--learning-rate", "1e-3", "--save-path", "out"]
SHORT = [*TRAINING, "--num-epochs", "1", "--eval-interval", "6", "--save-interval", "5", "--log-interval", "4"]


def wait_for(process, text):
    """Reads the program's lines up to the first one that holds `text`."""
    for line in process.stdout:
        if text in line:
            return line
    pytest.fail(f"the program ended without a line '{text}': {process.stderr.read()}")


def checkpoints(folder):
    return sorted(path.name for path in pathlib.Path(folder).glob("*.bin"))


# ---------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--bach-size", "5"], "error: unknown option --bach-size; did you mean --batch-size?"),
        (["--batch-size", "0"], "error: --batch-size: expected a whole number of at least 1, got '0'"),
        (["--num", "3"], "error: --num is ambiguous: it may mean --num-"),
        (["--target-cols", "code"], "error: --dataset is missing: "),
        (["--dataset", INPUT], "error: --target-cols is missing: "),
        (["--dataset", "absent.csv", "--target-cols", "a"], "error: --dataset absent.csv: there is no such file"),
        ([*TRAINING, "--precision", "fp16", "--devices", "cpu"], "error: --precision fp16 needs a GPU"),
        ([*TRAINING, "--devices", "0,0"], "error: --devices 0,0: GPU 0 is named twice"),
        ([*TRAINING, "--log-wandb"], "error: --log-wandb: "),
        ([*TRAINING, "--encoder", "x"], "error: --encoder (pretrained weights) and --encoder-config"),
        ([*TRAINING, "--block-size", "128"], "error: --block-size 128 with 1 target column"),
        ([*TRAINING, "--share-val", "1"], "error: --share-val 1 leaves no rows for training"),
        ([*TRAINING, "--config", "absent.yaml"], "error: --config absent.yaml: there is no such file"),
        ([*TRAINING, "--target-cols", "zzz"], "zzz"),
    ],
)
def test_usage_errors(finetune, arguments, message):
    result = finetune.run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert not checkpoints(finetune.folder)


def test_an_encoder_that_is_not_there_names_the_command_that_fetches_it(finetune):
    environment = clean_environment(HOME=str(finetune.folder), HF_HOME=str(finetune.folder / "hf"))
    result = finetune.run(*DATA, "--save-path", "out", env=environment)
    assert result.returncode == 2
    assert "google/canine-s" in result.stderr
    assert "hf download google/canine-s" in result.stderr
    assert not (finetune.folder / "out").exists()  # found out before any work


def test_version_names_libtorch(finetune):
    assert "LibTorch " + torch.__version__.split("+")[0] in finetune.run("--version").stdout


def test_print_config_is_a_configuration(finetune):
    (finetune.folder / "c.yaml").write_text("batch_size: 64\nlearning-rate: 0.01\n")
    environment = clean_environment(ACCELERATE_MIXED_PRECISION="bf16")
    result = finetune.run("--config", "c.yaml", "--learning_rate=0.5", "--print-config", env=environment)
    assert result.returncode == 0
    values = yaml.safe_load(result.stdout)
    assert (values["batch_size"], values["learning_rate"], values["num_epochs"]) == (64, 0.5, 5)
    origins = {line.split(":")[0]: line.split("# ")[1] for line in result.stdout.splitlines() if ":" in line and "  # " in line}
    assert origins["batch_size"] == "config c.yaml"
    assert origins["learning_rate"] == "command line"
    assert origins["num_epochs"] == "default"
    assert origins["precision"] == "environment ACCELERATE_MIXED_PRECISION"


# ---------------------------------------------------------------------------------------------- preparation


def test_prepared_files_are_those_of_the_python_program(finetune):
    result = finetune.run(*DATA, "--save-path", "out", "--prepare-only")
    assert result.returncode == 0
    for name in ("data_train.csv", "data_val.csv", "key.csv"):
        assert (finetune.folder / "out" / name).read_bytes() == (FIXTURES / "run" / name).read_bytes()
    assert not (finetune.folder / "out" / "args.yaml").exists()


@pytest.mark.parametrize("share, rows", [("0", (400, 0)), ("1", (0, 400))])
def test_prepare_only_takes_any_share(finetune, share, rows):
    assert finetune.run(*DATA, "--save-path", "out", "--prepare-only", "--share-val", share).returncode == 0
    read = [len(pandas.read_csv(finetune.folder / "out" / name)) for name in ("data_train.csv", "data_val.csv")]
    assert tuple(read) == rows


def test_a_folder_that_cannot_be_written_is_found_out_first(finetune):
    (finetune.folder / "out").write_text("a file")
    result = finetune.run(*SHORT)
    assert result.returncode == 73
    assert "out is no folder; give another name" in result.stderr


# ---------------------------------------------------------------------------------------------- training


@pytest.fixture
def trained(finetune):
    result = finetune.run(*SHORT)
    assert result.returncode == 0, result.stderr
    return finetune, result


def test_files_of_a_run(trained):
    finetune, result = trained
    out = finetune.folder / "out"
    assert checkpoints(out) == ["10.bin", "12.bin", "5.bin", "last.bin"]
    content = torch.load(out / "last.bin", weights_only=True)
    assert set(content) >= {"model", "optimizer", "scheduler", "step", "key"}
    assert content["step"] == 12

    logs = pandas.read_csv(out / "logs.csv")
    assert list(logs.columns) == list(pandas.read_csv(FIXTURES / "run" / "logs.csv").columns)
    assert list(logs["step"]) == [6, 12]
    assert (out / "logs.csv").read_bytes().count(b"\r\n") == 3

    args = yaml.safe_load((out / "args.yaml").read_text())
    assert list(args) == sorted(args)
    of_python = yaml.safe_load((FIXTURES / "run" / "args_first_run.yaml").read_text())
    assert set(of_python) <= set(args)
    changed = {key for key in of_python if args[key] != of_python[key]}
    assert changed == {"dataset", "eval_interval", "log_interval", "num_epochs", "save_interval", "warmup_pct"}

    summary = json.loads((out / "result.json").read_text())
    assert summary["step"] == 12
    assert summary["last_validation"]["val_loss"] == pytest.approx(logs["val_loss"].iloc[-1])


def test_console_of_a_run(trained):
    _, result = trained
    assert "Process 0 using device: cpu" in result.stdout
    assert "360 for training, 40 for validation" in result.stdout
    assert "12 in all, 12 an epoch, 0 of warm-up, 0 done already" in result.stdout
    assert "EVALUATION RESULTS (Step 12)" in result.stdout
    for batch in (1, 5, 9, 12):
        assert f"Batch {batch}/12" in result.stdout
    assert "Written: out/last.bin (the model)" in result.stdout
    assert "\r" not in result.stdout + result.stderr  # no progress bar outside of a terminal


def test_a_finished_run_is_left_as_it_is(trained):
    finetune, _ = trained
    out = finetune.folder / "out"
    before = {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in out.iterdir()}
    result = finetune.run(*SHORT)
    assert result.returncode == 0
    assert "All 12 steps were done already" in result.stdout
    after = {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in out.iterdir()}
    assert {k: v for k, v in after.items() if k != ".lock"} == {k: v for k, v in before.items() if k != ".lock"}


def test_more_epochs_go_on(trained):
    finetune, _ = trained
    result = finetune.run(*SHORT, "--num-epochs", "2", "--initial-checkpoint", "out/5.bin")
    assert result.returncode == 0
    assert "12 done already" in result.stdout
    assert "note: --initial-checkpoint has no effect: the run goes on from its own checkpoint" in result.stderr
    assert torch.load(finetune.folder / "out/last.bin", weights_only=True)["step"] == 24
    assert yaml.safe_load((finetune.folder / "out/args.yaml").read_text())["num_epochs"] == 2


def test_start_weights(trained):
    finetune, _ = trained
    shutil.move(finetune.folder / "out", finetune.folder / "former")
    former = torch.load(finetune.folder / "former/last.bin", weights_only=True)["model"]
    for more, names in (([], list(former)), (["--only-encoder"], [name for name in former if name.startswith("encoder.")])):
        result = finetune.run(*SHORT, "--initial-checkpoint", "former/last.bin", "--learning-rate", "0", *more)
        assert result.returncode == 0, result.stderr
        model = torch.load(finetune.folder / "out/last.bin", weights_only=True)["model"]
        equal = {name for name in former if torch.equal(model[name], former[name])}
        assert equal >= set(names)
        assert ("linear_decoder.weight" in equal) == (not more)
        shutil.rmtree(finetune.folder / "out")


def test_a_start_checkpoint_of_other_codes_is_refused(finetune):
    result = finetune.run(*SHORT, "--initial-checkpoint", FIXTURES / "after10.bin")
    assert result.returncode == 77
    assert "take its encoder alone with --only-encoder, or train on data with its codes" in result.stderr


def test_a_pretrained_encoder_is_where_training_starts(finetune):
    arguments = [*DATA, "--encoder", FIXTURES / "encoder", "--save-path", "out", "--num-epochs", "1", "--learning-rate", "0"]
    result = finetune.run(*arguments)
    assert result.returncode == 0, result.stderr
    model = torch.load(finetune.folder / "out/last.bin", weights_only=True)["model"]
    from safetensors.torch import load_file

    weights = load_file(FIXTURES / "encoder" / "model.safetensors")
    assert weights
    for name, tensor in weights.items():
        name = name.removeprefix("canine.")
        if "position_ids" not in name:
            assert torch.equal(model["encoder." + name], tensor), name


def test_dry_run_keeps_nothing(finetune):
    result = finetune.run(*SHORT, "--dry-run", "--use-amp")
    assert result.returncode == 0, result.stderr
    assert "Dry run passed" in result.stdout
    assert "Samples/sec: " in result.stdout and "Samples/sec: 0.0" not in result.stdout
    assert "warning: --use-amp needs a GPU" in result.stderr
    left = {path.name for path in (finetune.folder / "out").iterdir()} - {".lock"}
    assert left == {"data_train.csv", "data_val.csv", "key.csv", "prepared.json"}


def test_an_empty_environment_is_enough(finetune):
    result = finetune.run(*SHORT, "--dry-run", env={"LC_ALL": "C", "OMP_NUM_THREADS": "1"}, stdin=None)
    assert result.returncode == 0, result.stderr


RATE = "note: --lr-scale has no effect: the rate is taken to be that of this run's batches"
BLOCKS = "note: --loss-scope has no effect: this run is one process"


@pytest.mark.parametrize(
    "flags, note",
    [
        (["--lr-scale", "linear"], RATE),
        (["--lr-scale", "sqrt", "--devices", "cpu:2"], RATE),
        (["--lr-scale", "linear", "--lr-ref-batch", "16"], None),
        (["--loss-scope", "global"], BLOCKS),
        (["--loss-scope", "global", "--grad-accum-steps", "2"], None),
        (["--loss-scope", "global", "--devices", "cpu:2"], None),
    ],
)
def test_ways_to_count_batches_without_effect_are_named(finetune, flags, note):
    result = finetune.run(*TRAINING, *flags, "--dry-run")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count(" has no effect: ") == (note is not None), result.stderr
    assert note is None or note in result.stderr


# ---------------------------------------------------------------------------------------------- signals and streams

LONG = [*TRAINING, "--num-epochs", "100000", "--log-interval", "1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2])
def test_a_signal_stops_after_a_good_save(finetune, number):
    process = finetune.start(*LONG)
    wait_for(process, "Batch 3/12")
    process.send_signal(number)
    stdout, stderr = process.communicate()
    assert process.returncode == 75, stderr
    assert f"Stopped by signal {int(number)} after step" in stdout
    step = torch.load(finetune.folder / "out/last.bin", weights_only=True)["step"]
    assert step >= 3

    process = finetune.start(*LONG)
    assert f"step {step} of" in wait_for(process, "Resuming from")
    wait_for(process, "Batch ")
    process.terminate()
    process.communicate()
    assert process.returncode == 75


def test_a_reader_that_goes_away_does_not_stop_a_run(finetune):
    process = finetune.start(*SHORT)
    process.stdout.readline()
    process.stdout.close()
    stderr = process.stderr.read()
    assert process.wait() == 0, stderr
    assert (finetune.folder / "out/12.bin").exists()


def test_closed_streams_do_not_harm_files(finetune):
    result = finetune.run(*SHORT, preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)])
    assert result.returncode == 0
    assert torch.load(finetune.folder / "out/last.bin", weights_only=True)["step"] == 12
    assert (finetune.folder / "out/logs.csv").read_bytes().startswith(b"step,")


def test_two_runs_do_not_share_a_folder(finetune):
    process = finetune.start(*LONG)
    wait_for(process, "Batch 1/12")
    second = finetune.run(*LONG)
    process.terminate()
    process.communicate()
    assert second.returncode == 73
    assert str(process.pid) in second.stderr


# ---------------------------------------------------------------------------------------------- the sample


@pytest.mark.skipif(not (ROOT / "data/sample.csv").exists(), reason="the sample data is not there")
def test_no_flags_is_the_sample_run(finetune):
    def stopped_after(*texts):
        process = finetune.start()
        lines = [process.stdout.readline(), process.stdout.readline()]
        for text in texts:
            wait_for(process, text)
        process.terminate()
        process.communicate()
        assert process.returncode == 75
        assert "No flags were given" in lines[0]
        return lines[1]

    assert "It writes into ./canine-sample." in stopped_after("] Batch ")
    assert (finetune.folder / "canine-sample/last.bin").exists()
    assert yaml.safe_load((finetune.folder / "canine-sample/args.yaml").read_text())["batch_size"] == 32
    assert "It writes into ./canine-sample." in stopped_after("Resuming from", "] Batch ")
    (finetune.folder / "canine-sample/result.json").write_text("{}")  # as a finished run leaves it
    assert "It writes into ./canine-sample-2." in stopped_after("] Batch ")
    assert (finetune.folder / "canine-sample-2/last.bin").exists()
