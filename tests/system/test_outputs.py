"""Where programs write, and what they leave alone: devices, links, files of others, models, streams."""

import gzip
import os
import shutil
import stat
import subprocess

import pytest

from conftest import FIXTURES, ROOT, built, clean_environment

SHAPE = ("--mapping", FIXTURES / "data/key.csv", "--target-cols", "hisco_1", "hisco_2", "--block-size", "5",
         "--encoder-config", FIXTURES / "encoder/config.json", "--num-threads", "1")
PREDICT = ("--fn-in", "in.csv", "--model", FIXTURES / "trained.safetensors", *SHAPE)
EVALUATE = ("--checkpoint", FIXTURES / "trained.safetensors", "--val-data", FIXTURES / "data/data_val.csv", "--batch-size", "64",
            *SHAPE)
SMALL_RUN = ("--encoder-config", FIXTURES / "encoder/config.json", "--max-len", "32", "--num-epochs", "1", "--num-threads", "1")


@pytest.fixture
def predict(tmp_path):
    (tmp_path / "in.csv").write_text("occ1\nbaker\nmaster smith\n\n")
    return built("predict", tmp_path)


@pytest.fixture
def evaluate(tmp_path):
    return built("evaluate", tmp_path)


def refuse(program, *arguments, code=2, words, **options):
    result = program.run(*arguments, **options)
    assert result.returncode == code, result.stdout + result.stderr
    assert words in result.stderr, result.stderr
    return result


def files_of(folder):
    return {path: path.read_bytes() if path.is_file() else stat.S_IFMT(path.lstat().st_mode) for path in folder.rglob("*")}


# ---------------------------------------------------------------------------------------------- streams


def test_predictions_on_the_standard_output_are_those_of_a_file(predict):
    written = predict.run(*PREDICT, "--fn-out", "out.csv")
    assert written.returncode == 0, written.stderr
    for name in ("-", "/dev/stdout"):
        streamed = predict.run(*PREDICT, "--fn-out", name)
        assert streamed.returncode == 0, streamed.stderr
        assert streamed.stdout == (predict.folder / "out.csv").read_text()
        assert "Written: the standard output" in streamed.stderr and "Model: " in streamed.stderr
    assert sorted(os.listdir(predict.folder)) == ["in.csv", "out.csv"]


def test_a_shell_takes_predictions_into_another_program(predict):
    command = " ".join(predict.command(*PREDICT))
    result = subprocess.run(["bash", "-c", f"{command} --fn-out >(gzip > out.csv.gz) && wait $!"], cwd=predict.folder,
                            env=clean_environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert gzip.open(predict.folder / "out.csv.gz", "rt").read().startswith("occ1,")


def test_a_reader_that_has_ended_is_named(predict):
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(predict.command(*PREDICT, "--fn-out", "-"), cwd=predict.folder, env=clean_environment(),
                            stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert result.returncode == 74 and "whoever read from it has ended" in result.stderr


def test_evaluation_on_the_standard_output(evaluate):
    streamed = evaluate.run(*EVALUATE, "--fn-out", "-", "--summary", "s.json")
    assert streamed.returncode == 0, streamed.stderr
    assert streamed.stdout.startswith("input,label,pred_s2s,") and "Exact match" not in streamed.stdout
    assert sorted(os.listdir(evaluate.folder)) == ["s.json"]
    refuse(evaluate, *EVALUATE, "--fn-out", "-", "--devices", "cpu:2", words="several processes share this stream")
    refuse(evaluate, *EVALUATE, "--fn-out", "-", "--summary", "/dev/stdout", words="--fn-out writes this file")


def test_what_cannot_be_read_twice_is_refused(predict):
    for name in ("-", "/dev/stdin"):
        refuse(predict, "--fn-in", name, *PREDICT[2:], "--fn-out", "out.csv", words="save what comes from there first", input="occ1\n")


# ---------------------------------------------------------------------------------------------- no regular files


def test_devices_and_pipes_stay_what_they_are(predict, evaluate):
    os.mkfifo(predict.folder / "pipe.csv")
    names = ["pipe.csv"]
    try:
        os.mknod(predict.folder / "null.csv", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        names.append("null.csv")
    except PermissionError:
        print("devices cannot be made here, so only a pipe is tried")
    before = files_of(predict.folder)
    for name in names:
        refuse(predict, *PREDICT, "--fn-out", name, "--overwrite", words="a file would take its place")
        refuse(evaluate, *EVALUATE, "--fn-out", name, "--overwrite", words="a file would take its place")
        refuse(evaluate, *EVALUATE, "--summary", name, "--overwrite", words="a file would take its place")
        refuse(built("convert", predict.folder), FIXTURES / "after10.bin", name, "--to", "bin", "--overwrite", words="is there")
    assert files_of(predict.folder) == before


def test_a_link_stays_and_its_target_is_written(predict):
    (predict.folder / "data").mkdir()
    (predict.folder / "data/target.csv").write_text("former")
    (predict.folder / "data/target.csv").chmod(0o600)
    (predict.folder / "link.csv").symlink_to("data/target.csv")
    refuse(predict, *PREDICT, "--fn-out", "link.csv", words="--overwrite replaces it")
    assert predict.run(*PREDICT, "--fn-out", "link.csv", "--overwrite").returncode == 0
    assert (predict.folder / "link.csv").is_symlink()
    assert (predict.folder / "data/target.csv").read_text().startswith("occ1,")
    assert stat.S_IMODE((predict.folder / "data/target.csv").stat().st_mode) == 0o600
    assert os.listdir(predict.folder / "data") == ["target.csv"]
    (predict.folder / "lost.csv").symlink_to("gone/target.csv")
    refuse(predict, *PREDICT, "--fn-out", "lost.csv", code=73, words="a link to gone/target.csv, whose folder is not there")


# ---------------------------------------------------------------------------------------------- models and files of others


def test_parts_of_models_and_runs_are_no_outputs(evaluate, predict):
    folder = evaluate.folder / "run"
    folder.mkdir()
    for name in ("last.bin", "logs.csv", "args.yaml"):
        (folder / name).write_text("precious")
    before = files_of(evaluate.folder)
    words = "a file of this name is a part of it"
    for out in ("run/logs.csv", "run/last.bin"):
        refuse(evaluate, *EVALUATE, "--fn-out", out, "--overwrite", words=words)
    refuse(evaluate, *EVALUATE, "--summary", "run/result.json", words=words)
    refuse(predict, *PREDICT, "--fn-out", "run/key.csv", "--overwrite", words=words)
    refuse(built("convert", evaluate.folder), FIXTURES / "after10.bin", "run/7.bin", words="is a part of it")
    assert files_of(evaluate.folder) == before


def test_evaluate_replaces_nothing_unasked(evaluate):
    (evaluate.folder / "rows.csv").write_text("mine")
    (evaluate.folder / "s.json").write_text("mine")
    for outputs in (("--fn-out", "rows.csv"), ("--summary", "s.json")):
        result = refuse(evaluate, *EVALUATE, *outputs, words="is there already; --overwrite replaces it")
        assert "Model: " not in result.stdout  # before any work
    assert (evaluate.folder / "rows.csv").read_text() == (evaluate.folder / "s.json").read_text() == "mine"
    result = evaluate.run(*EVALUATE, "--fn-out", "rows.csv", "--summary", "s.json", "--overwrite")
    assert result.returncode == 0, result.stderr
    assert (evaluate.folder / "rows.csv").read_text().startswith("input,")


def test_replay_replaces_nothing_unasked(tmp_path):
    replay = built("replay", tmp_path)
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep/activations.safetensors").write_text("precious")
    refuse(replay, FIXTURES, "--out", "keep", words="keep/activations.safetensors is there already; --overwrite replaces it")
    shutil.copytree(FIXTURES, tmp_path / "inputs", ignore=shutil.ignore_patterns("run", "data"))
    (tmp_path / "links").mkdir()
    (tmp_path / "links/long_text.safetensors").symlink_to(tmp_path / "inputs/long_text.safetensors")
    refuse(replay, "inputs", "--out", "links", "--overwrite", words="is a file of the folder that is replayed")
    assert os.listdir(tmp_path / "keep") == ["activations.safetensors"]
    assert (tmp_path / "keep/activations.safetensors").read_text() == "precious"


@pytest.mark.parametrize("name", ["out.csv.partial", "out.csv.progress"])
def test_files_of_others_beside_the_output_stay(predict, evaluate, name):
    (predict.folder / name).write_text("somebody's thesis")
    before = files_of(predict.folder)
    for flag in (), ("--overwrite",), ("--resume",):
        refuse(predict, *PREDICT, "--fn-out", "out.csv", *flag, words=f"{name} is not from this program")
    refuse(evaluate, *EVALUATE, "--fn-out", "out.csv", "--overwrite", words=f"{name} is not from this program")
    assert files_of(predict.folder) == before


def test_a_run_of_the_other_program_is_left_alone(tmp_path, trained_runs):
    hisco, listed = tmp_path / "hisco", tmp_path / "listed"
    shutil.copytree(trained_runs["hisco"][0], hisco)
    shutil.copytree(trained_runs["separated"][0], listed)
    before = files_of(tmp_path)
    refuse(built("finetune", tmp_path), "--dataset", ROOT / "data/sample.csv", "--target-cols", "code_1", *SMALL_RUN,
           "--save-path", "hisco", words="a run of train_mixer lies in this folder")
    refuse(built("train_mixer", tmp_path), "--train-data", ROOT / "data/hisco_val.csv", "--val-data", ROOT / "data/hisco_val.csv",
           *SMALL_RUN, "--save-dir", "listed", words="a run of finetune lies in this folder")
    (hisco / "args.yaml").unlink()  # the checkpoint says it, too
    refuse(built("finetune", tmp_path), "--dataset", ROOT / "data/sample.csv", "--target-cols", "code_1", *SMALL_RUN,
           "--save-path", "hisco", words="a run of train_mixer lies in this folder")
    before.pop(hisco / "args.yaml")
    assert files_of(tmp_path) == before


def test_a_key_of_somebody_is_not_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/key.csv").write_text("system_code,code\nmine,0\n")
    before = files_of(tmp_path)
    refuse(built("train_mixer", tmp_path), "--train-data", FIXTURES / "data/data_val.csv", "--val-data", FIXTURES / "data/data_val.csv",
           "--formatter", "gpf", "--target-cols", "hisco_1", *SMALL_RUN, "--save-dir", "out", words="would be replaced")
    assert files_of(tmp_path / "out") == {tmp_path / "out/key.csv": before[tmp_path / "out/key.csv"]}


def test_a_lost_target_of_last_bin_is_named(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/last.bin").symlink_to("/gone/with/the/disk.bin")
    refuse(built("finetune", tmp_path), "--dataset", ROOT / "data/sample.csv", "--target-cols", "code_1", *SMALL_RUN,
           "--save-path", "out", code=77, words="this is a link to /gone/with/the/disk.bin, which is not there")


# ---------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["out", "out.txt", "out.xlsx", "out.json"])
def test_tables_of_unknown_names_are_refused(predict, evaluate, name):
    words = "expected .csv, .tsv, .csv.gz, .tsv.gz or .parquet"
    refuse(predict, *PREDICT, "--fn-out", name, words=words)
    refuse(evaluate, *EVALUATE, "--fn-out", name, words=words)


def test_models_of_unknown_names_are_refused(tmp_path):
    convert = built("convert", tmp_path)
    for name in ("m.pt", "m.onnx", "model-v1.2"):
        refuse(convert, FIXTURES / "after10.bin", name, *SHAPE[2:9], words="models are written as .bin, .safetensors, or as a folder")
    refuse(convert, FIXTURES / "after10.bin", "-", words="cannot be written to an open stream")
    assert os.listdir(tmp_path) == []
    assert convert.run(FIXTURES / "after10.bin", "m.BIN").returncode == 0
    assert convert.run(FIXTURES / "after10.bin", "m.pt", "--to", "bin").returncode == 0
    assert (tmp_path / "m.BIN").read_bytes() == (tmp_path / "m.pt").read_bytes()


def test_homes_are_found_and_variables_refused(tmp_path):
    finetune = built("finetune", tmp_path)
    data = ("--dataset", ROOT / "data/sample.csv", "--target-cols", "code_1", "--prepare-only")
    environment = clean_environment(HOME=str(tmp_path / "home"))
    (tmp_path / "home.yaml").write_text("save_path: ~/runs/yaml\n")
    assert finetune.run(*data, "--save-path=~/runs/flag", env=environment).returncode == 0
    assert finetune.run(*data, "--config", "home.yaml", env=environment).returncode == 0
    assert sorted(os.listdir(tmp_path / "home/runs")) == ["flag", "yaml"]
    (tmp_path / "home.yaml").write_text("save_path: ${HOME}/runs\n")
    refuse(finetune, *data, "--config", "home.yaml", words="'${HOME}' is a variable that no shell has replaced")
    assert sorted(os.listdir(tmp_path)) == ["home", "home.yaml"]
