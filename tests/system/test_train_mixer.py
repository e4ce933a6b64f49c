"""The program train_mixer from the outside: exit codes, files, formatters, several processes."""

import json
import os
import re
import shutil
import signal

import pandas
import pytest
import torch
import yaml

from conftest import FIXTURES, ROOT
from jobs import TRAIN_MIXER, assert_same_training, load

ENCODER = FIXTURES / "encoder" / "config.json"
RUN = FIXTURES / "run"
SMALL = ["--encoder-config", ENCODER, "--max-len", "32", "--batch-size", "20", "--learning-rate", "1e-3", "--num-epochs", "1",
         "--num-threads", "1", "--log-interval", "2", "--save-dir", "out"]
GPF = ["--train-data", RUN / "data_train.csv", "--val-data", RUN / "data_val.csv", "--formatter", "gpf", "--target-cols",
       "hisco_1", *SMALL]


def card_of(checkpoint):
    return json.loads(checkpoint["canine"]["card"])


def model_sizes(checkpoint):
    """Vocabulary of the decoder and classes of the flat head."""
    model = checkpoint["model"]
    return len(model["decoder.head.weight"]), len(model["linear_decoder.weight"])


@pytest.fixture
def occ1950(train_mixer):
    """Flags and files of rows with one or two OCC1950 codes; a missing second one is an empty cell or a blank."""
    texts = pandas.read_csv(RUN / "data_train.csv", dtype=str)["occ1"][:80]
    codes = [f"{17 * i % 300:03d}" for i in range(len(texts))]
    second = [codes[i - 1] if i % 3 == 0 else "" if i % 3 == 1 else " " for i in range(len(texts))]
    frame = pandas.DataFrame({"occ1": texts, "lang": "en", "OCC1950_1": codes, "OCC1950_2": second})
    frame[:60].to_csv(train_mixer.folder / "train.csv", index=False)
    frame[60:].to_csv(train_mixer.folder / "val.csv", index=False)
    return ["--train-data", "train.csv", "--val-data", "val.csv", "--formatter", "occ1950", *SMALL]


# ---------------------------------------------------------------------------------------------- usage


def test_without_flags_it_says_what_is_missing(train_mixer):
    result = train_mixer.run()
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: --train-data FILE..., --val-data FILE..., --save-dir FOLDER are missing: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--train-data", "absent.csv"], "error: --train-data absent.csv: there is no such file"),
        (["--val-data", "*.parquet"], "error: --val-data *.parquet: no file matches this pattern"),
        (["--target-cols"], "error: --target-cols: expected one or more values"),
        (["--formatter", "occ1950", "--target-col-naming", "hisco"], "leave --target-col-naming out, or give"),
        (["--formatter", "isco"], "error: --formatter: expected "),
        (["--block-size", "128"], "error: --block-size 128 with 1 target column"),
        (["--log-wandb"], "error: --log-wandb: "),
        (["--dataset", "x.csv"], "error: unknown option --dataset"),
    ],
)
def test_usage_errors(train_mixer, arguments, message):
    result = train_mixer.run(*GPF, *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert not (train_mixer.folder / "out").exists()


def test_help_goes_to_stdout(train_mixer):
    result = train_mixer.run("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == (ROOT / "tests/app/help/train_mixer.txt").read_text()


def test_missing_columns_are_named_with_their_file(train_mixer):
    result = train_mixer.run(*GPF, "--target-cols", "hisco_1", "hisco_7", "--val-data", RUN / "input.csv")
    assert result.returncode == 65
    assert f"{RUN / 'data_train.csv'}" in result.stderr and "hisco_7" in result.stderr


def test_a_folder_that_cannot_be_written_is_found_out_before_the_data_is_read(train_mixer):
    """D34"""
    (train_mixer.folder / "out").write_text("a file")
    (train_mixer.folder / "bad.csv").write_text("occ1,lang,hisco_1\nx,en,1,surplus\n")
    result = train_mixer.run(*GPF, "--train-data", "bad.csv")
    assert result.returncode == 73
    assert "out is no folder; give another name" in result.stderr


def test_two_runs_do_not_share_a_folder(train_mixer):
    endless = [*GPF, "--num-epochs", "1000000"]
    process = train_mixer.start(*endless)
    for line in process.stdout:
        if "Batch 1/" in line:
            break
    second = train_mixer.run(*endless)
    process.terminate()
    process.communicate()
    assert second.returncode == 73
    assert str(process.pid) in second.stderr


# ---------------------------------------------------------------------------------------------- codes of any system


def test_codes_of_any_system_get_a_key_of_their_own(train_mixer):
    """D32"""
    result = train_mixer.run(*GPF, "--save-each-epoch", "--num-epochs", "2", "--eval-interval", "10")
    assert result.returncode == 0, result.stderr
    out = train_mixer.folder / "out"
    key = pandas.read_csv(out / "key.csv", dtype={"system_code": str})
    rows = pandas.concat([pandas.read_csv(RUN / name, dtype=str) for name in ("data_train.csv", "data_val.csv")])
    assert list(key["system_code"]) == list(rows["hisco_1"].dropna().unique())  # in order of first appearance
    content = load(out / "last.bin")
    assert content["key"] == dict(zip(key["system_code"], key["code"]))
    assert model_sizes(content) == (2087, len(key))
    assert card_of(content)["target_cols"] == ["hisco_1"]
    assert sorted(path.name for path in out.glob("*.bin")) == ["18.bin", "36.bin", "last.bin"]
    assert list(pandas.read_csv(out / "logs.csv")["step"]) == [10, 20, 30, 36]
    args = yaml.safe_load((out / "args.yaml").read_text())
    assert list(args) == sorted(args)
    assert (args["formatter"], args["save_dir"], args["batch_size"]) == ("gpf", "out", 20)

    # Without one of its rows the run goes on with the key that it has.
    shorter = train_mixer.folder / "shorter.csv"
    shorter.write_text("".join((RUN / "data_train.csv").read_text().splitlines(keepends=True)[:1] +
                               (RUN / "data_train.csv").read_text().splitlines(keepends=True)[2:]))
    again = train_mixer.run("--config", "out/args.yaml", "--num-epochs", "3", "--train-data", shorter)
    assert again.returncode == 0, again.stderr
    assert load(out / "last.bin")["key"] == content["key"]

    other = train_mixer.run("--config", "out/args.yaml", "--num-epochs", "4", "--block-size", "6")
    assert other.returncode == 77
    assert "1 code(s) of 5 tokens a row, now 1 code(s) of 6 tokens" in other.stderr


def test_a_code_that_the_key_of_the_run_lacks_is_named(train_mixer):
    assert train_mixer.run(*GPF).returncode == 0
    (train_mixer.folder / "more.csv").write_text("occ1,hisco_1,lang\nastronaut,zzz,en\n")
    result = train_mixer.run(*GPF, "--num-epochs", "2", "--train-data", RUN / "data_train.csv", "more.csv")
    assert result.returncode == 65
    assert "more.csv, line 2, column hisco_1: the code 'zzz' is none of the" in result.stderr


def test_a_lost_key_comes_back_from_the_checkpoint(train_mixer):
    assert train_mixer.run(*GPF).returncode == 0
    key = train_mixer.folder / "out" / "key.csv"
    before = key.read_bytes()
    key.unlink()
    # In another order the rows would give another key.
    pandas.read_csv(RUN / "data_train.csv", dtype=str)[::-1].to_csv(train_mixer.folder / "reversed.csv", index=False)
    result = train_mixer.run(*GPF, "--num-epochs", "2", "--train-data", "reversed.csv")
    assert result.returncode == 0, result.stderr
    assert key.read_bytes() == before
    assert load(train_mixer.folder / "out" / "last.bin")["step"] == 36


def test_a_run_of_the_python_program_goes_on_with_numbers_for_codes(train_mixer):
    """D32: it has no key, and as many classes as HISCO."""
    pandas.DataFrame({"occ1": "baker", "lang": "en", "hisco_1": range(1919)}).to_csv(train_mixer.folder / "all.csv",
                                                                                     index=False)
    (train_mixer.folder / "val.csv").write_text("occ1,lang,hisco_1\nbaker,en,1918\nsmith,en,7\n")
    flags = [*GPF, "--train-data", "all.csv", "--val-data", "val.csv", "--batch-size", "960"]
    result = train_mixer.run(*flags)
    assert result.returncode == 0, result.stderr
    out = train_mixer.folder / "out"
    content = load(out / "last.bin")
    theirs = {name: content[name] for name in ("model", "optimizer", "scheduler", "step")} | {"key": None}
    shutil.rmtree(out)
    out.mkdir()
    torch.save(theirs, out / "last.bin")
    result = train_mixer.run(*flags, "--num-epochs", "2")
    assert result.returncode == 0, result.stderr
    assert "Resuming from out/last.bin (step 2 of 4)" in result.stdout
    assert "the codes 0 to 1918 themselves" in result.stderr
    numbers = {str(number): number for number in range(1919)}
    assert load(out / "last.bin")["key"] == numbers
    key = pandas.read_csv(out / "key.csv", dtype={"system_code": str})
    assert dict(zip(key["system_code"], key["code"])) == numbers


def test_the_folder_of_a_run_with_another_formatter_is_refused(train_mixer, occ1950):
    assert train_mixer.run(*occ1950).returncode == 0
    before = sorted(os.listdir(train_mixer.folder / "out"))
    result = train_mixer.run(*GPF, "--num-epochs", "2")
    assert result.returncode == 77
    assert "trained with --formatter occ1950, now --formatter gpf was asked for" in result.stderr
    assert sorted(os.listdir(train_mixer.folder / "out")) == before
    assert train_mixer.run(*GPF, "--save-dir", "other").returncode == 0
    assert train_mixer.run(*occ1950, "--num-epochs", "2", "--save-dir", "other").returncode == 77


def test_every_flag_of_the_python_program(train_mixer):
    """All of its train_mixer but --log-wandb, which is refused, with --warmup-steps, its upstream's word."""
    assert train_mixer.run(*GPF, "--decoder-dim-feedforward", "40", "--save-dir", "first").returncode == 0
    for name in ("data_train.csv", "data_val.csv"):
        rows = pandas.read_csv(RUN / name, dtype=str)
        rows.assign(list=[f"{len(text)},{len(text) % 3},7" for text in rows["occ1"]]).to_csv(train_mixer.folder / name,
                                                                                             index=False)
    (train_mixer.folder / "words.csv").write_text("word,freq\nzebra,1\n")
    flags = {
        "train-data": ["data_train.csv"], "val-data": ["data_val.csv"], "formatter": "gpf",
        "target-col-naming": "hisco", "target-cols": ["list"], "block-size": 6, "save-dir": "out", "save-interval": 7,
        "initial-checkpoint": "first/last.bin", "local_rank": -1, "world-size": 1, "log-interval": 3, "eval-interval": 10,
        "wandb-project-name": "none", "num-epochs": 2, "batch-size": 40, "num-workers": 1, "learning-rate": 1e-3,
        "warmup-steps": 4, "warmup-pct": 0.5, "dropout": 0.1, "max-len": 32, "decoder-dim-feedforward": 40,
        "seq2seq-weight": 0.25, "fn-word-freq": "words.csv", "augmentation-prob": 0.5, "num-transformations": 2,
        "unk-lang-prob": 0.5}
    switches = ["use-within-block-sep", "save-each-epoch", "only-encoder", "distributed", "pin-memory"]
    arguments = [f"--{switch}" for switch in switches]
    for flag, value in flags.items():
        arguments += [f"--{flag}", *(map(str, value) if isinstance(value, list) else [str(value)])]
    result = train_mixer.run(*arguments, "--encoder-config", ENCODER)
    assert result.returncode == 0, result.stderr
    out = train_mixer.folder / "out"
    args = yaml.safe_load((out / "args.yaml").read_text())
    given = {flag.replace("-", "_"): value for flag, value in flags.items()} | {s.replace("-", "_"): True for s in switches}
    assert {name: args[name] for name in given if name in args} == {name: given[name] for name in given if name in args}
    assert given.keys() - args.keys() <= {"local_rank", "world_size", "distributed"}
    content = load(out / "last.bin")
    assert content["model"]["decoder.decoder.layers.0.linear1.weight"].shape == (40, 24)
    formatter = card_of(content)["formatter"]
    assert (formatter["block_size"], formatter["use_within_block_sep"]) == (6, True)
    assert sorted(path.name for path in out.glob("*.bin")) == ["18.bin", "9.bin", "last.bin"]
    assert list(pandas.read_csv(out / "logs.csv")["step"]) == [10, 18]
    assert "4 steps of rising rate" in result.stdout
    assert "Start weights: the encoder of first/last.bin" in result.stdout
    refused = train_mixer.run(*arguments, "--log-wandb")
    assert refused.returncode == 2 and "error: --log-wandb: " in refused.stderr


def test_csv_and_parquet_files_and_patterns(train_mixer):
    """D13: the rows are those of one file, in the order of the files."""
    rows = pandas.read_csv(RUN / "data_train.csv", dtype=str, keep_default_na=False)
    parts = train_mixer.folder / "parts"
    parts.mkdir()
    rows[:100].to_csv(parts / "train_1.csv", index=False)
    rows[100:200].to_parquet(parts / "train_2.parquet")
    rows[200:].to_csv(parts / "train_3.csv", index=False)
    whole = train_mixer.run(*GPF)
    assert whole.returncode == 0, whole.stderr
    shutil.move(train_mixer.folder / "out", train_mixer.folder / "whole")
    in_parts = train_mixer.run(*GPF, "--train-data", "parts/train_*")
    assert in_parts.returncode == 0, in_parts.stderr
    assert re.search(r"train-data +\[parts/train_\*\] +3 files, 360 rows", in_parts.stdout)
    assert_same_training(train_mixer.folder / "out", train_mixer.folder / "whole")


def test_words_by_frequency(train_mixer):
    (train_mixer.folder / "words.csv").write_text("word,freq\nzebra,1\n")
    augmented = [*GPF, "--augmentation-prob", "1", "--num-transformations", "9"]
    result = train_mixer.run(*augmented, "--fn-word-freq", "words.csv")
    assert result.returncode == 0, result.stderr
    shutil.move(train_mixer.folder / "out", train_mixer.folder / "zebra")
    assert train_mixer.run(*augmented).returncode == 0
    with pytest.raises(AssertionError):
        assert_same_training(train_mixer.folder / "out", train_mixer.folder / "zebra")


# ---------------------------------------------------------------------------------------------- occ1950


def test_occ1950(train_mixer, occ1950):
    """D10: --formatter alone names the columns, and missing second codes are missing."""
    result = train_mixer.run(*occ1950)
    assert result.returncode == 0, result.stderr
    told = ("longer than --max-len 32", "a description that is in the training rows too")
    assert all(any(words in line for words in told) for line in result.stderr.splitlines()), result.stderr
    content = load(train_mixer.folder / "out" / "last.bin")
    assert content["key"] is None
    assert model_sizes(content) == (16, 1000)
    assert card_of(content)["target_cols"] == ["OCC1950_1", "OCC1950_2"]
    assert not (train_mixer.folder / "out" / "key.csv").exists()


# ---------------------------------------------------------------------------------------------- hisco

HISCO = ["--train-data", ROOT / "data/hisco_train.csv", "--val-data", ROOT / "data/hisco_val.csv", "--encoder-config",
         ROOT / "configs/tiny-encoder/config.json", "--padding", "mask", "--max-len", "64", "--batch-size", "32",
         "--learning-rate", "2e-3", "--augmentation-prob", "0.1", "--num-threads", "1", "--save-dir", "out"]


@pytest.mark.parametrize("devices", ["cpu", "cpu:2"])
def test_hisco_is_learned(train_mixer, devices):
    """Single tokens, and in one of twenty rows the whole sequence of 27."""
    result = train_mixer.run(*HISCO, "--learning-rate", "6e-3", "--devices", devices, "--num-epochs", "2", "--eval-at-start")
    assert result.returncode == 0, result.stderr
    assert ("Number of processes: 2" in result.stdout) == (devices == "cpu:2")
    assert "300 of 300 rows" in result.stdout
    out = train_mixer.folder / "out"
    summary = json.loads((out / "result.json").read_text())
    first, last = summary["first_validation"], summary["last_validation"]
    assert last["token_acc"] > first["token_acc"] + 20
    assert last["seq_acc"] >= first["seq_acc"] + 2
    assert last["val_loss"] < 0.7 * first["val_loss"]
    content = load(out / "last.bin")
    assert content["key"] is None
    assert model_sizes(content) == (19, 1919)
    card = card_of(content)
    assert card["target_cols"] == [f"code{number}" for number in range(1, 6)]
    assert card["max_len"] == 64
    assert not (out / "key.csv").exists()


def test_two_processes_stop_and_go_on(jobs, tmp_path):
    """Rows that two processes cannot share evenly are repeated: 41 rows are 21 for each."""
    rows = (ROOT / "data/hisco_train.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "train.csv").write_text("".join(rows[:42]), encoding="utf-8")
    flags = [*HISCO, "--train-data", "train.csv", "--devices", "cpu:2", "--batch-size", "6", "--num-epochs", "2",
             "--log-interval", "1", "--eval-interval", "100"]
    whole = jobs(TRAIN_MIXER, *flags, "--save-dir", "whole").succeed()
    assert "3 rows x 2 processes x 1 accumulation = global batch 6 | learning rate 0.002 | 7 steps per epoch" in whole
    job = jobs(TRAIN_MIXER, *flags, CANINE_FAULT="slow=300@0:2:pre_forward")
    job.wait_for("Batch 3/7")
    os.kill(job.pid, signal.SIGUSR2)  # as SGE and LSF announce the end
    assert job.end() == 75, job.text
    assert "Resuming from out/last.bin (step " in jobs(TRAIN_MIXER, *flags).succeed()
    assert_same_training(tmp_path / "out", tmp_path / "whole")
