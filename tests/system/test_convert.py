"""The programs convert and inspect from the outside; what they do is tested in tests/exchange."""

import json
import os

import pytest
import safetensors.torch
import torch

from conftest import FIXTURES, Program

CHECKPOINT = FIXTURES / "after10.bin"
DESCRIPTION = ("--encoder-config", FIXTURES / "encoder/config.json", "--target-cols", "hisco_1", "hisco_2", "--block-size", "5")


@pytest.fixture
def convert(tmp_path):
    return Program("convert", tmp_path)


@pytest.fixture
def inspect(tmp_path):
    return Program("inspect", tmp_path)


def succeed(program, *arguments):
    result = program.run(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def same(left, right):
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_every_format_and_back(convert, inspect):
    succeed(convert, CHECKPOINT, "hub", *DESCRIPTION)
    succeed(convert, "hub", "again.bin")
    succeed(convert, "again.bin", "again.safetensors")
    reference = torch.load(CHECKPOINT, weights_only=True)["model"]
    same(reference, safetensors.torch.load_file(convert.folder / "hub/model.safetensors"))
    same(reference, torch.load(convert.folder / "again.bin", weights_only=True)["model"])
    same(reference, safetensors.torch.load_file(convert.folder / "again.safetensors"))
    first = json.loads(succeed(inspect, CHECKPOINT, "--json"))
    last = json.loads(succeed(inspect, "again.safetensors", "--json"))
    assert first["tensors"] == last["tensors"] and first["key"] == last["key"]
    assert last["card"]["target_cols"] == ["hisco_1", "hisco_2"]
    table = succeed(inspect, "hub")
    assert "Model      mixer" in table and "linear_decoder.bias" in table


def test_a_hub_folder_needs_a_description(convert):
    result = convert.run(CHECKPOINT, "hub")
    assert result.returncode == 2
    assert "--encoder-config" in result.stderr
    assert not (convert.folder / "hub").exists()


def test_an_encoder_is_taken_out_of_a_mixer(convert):
    out = succeed(convert, CHECKPOINT, "encoder.bin", "--encoder-only")
    reference = torch.load(CHECKPOINT, weights_only=True)["model"]
    encoder = {name: tensor for name, tensor in reference.items() if name.startswith("encoder.")}
    assert f"Encoder: {len(encoder)} of {len(reference)} tensors kept." in out
    content = torch.load(convert.folder / "encoder.bin", weights_only=True)
    assert content["step"] == 0 and content["key"] is None
    same(content["model"], encoder)
    succeed(convert, CHECKPOINT, "encoder", "--encoder-only", *DESCRIPTION[:2])
    assert json.loads((convert.folder / "encoder/config.json").read_text())["hidden_size"] == 24


def test_nothing_is_replaced_unasked(convert):
    path = convert.folder / "out.bin"
    path.write_text("mine")
    result = convert.run(CHECKPOINT, "out.bin")
    assert result.returncode == 2 and "--overwrite" in result.stderr
    assert path.read_text() == "mine"
    succeed(convert, CHECKPOINT, "out.bin", "--overwrite")
    torch.load(path, weights_only=True)
    (convert.folder / "folder").mkdir()
    os.symlink("nowhere", convert.folder / "link.bin")
    for out in ("folder", "link.bin"):
        assert convert.run(CHECKPOINT, out, "--to", "bin").returncode == 2
    for out in ("folder", "/dev/null"):
        result = convert.run(CHECKPOINT, out, "--to", "bin", "--overwrite")
        assert result.returncode == 2 and "a file is to be written" in result.stderr
    assert sorted(os.listdir(convert.folder)) == ["folder", "link.bin", "out.bin"]


def test_a_link_that_leads_nowhere_is_called_one(convert):
    (convert.folder / "link.bin").symlink_to("gone.bin")
    refused = convert.run(CHECKPOINT, "link.bin")
    assert refused.returncode == 2
    assert "OUT link.bin: this is a link to gone.bin, which is not there; give another name, or --overwrite" in refused.stderr
    succeed(convert, CHECKPOINT, "link.bin", "--overwrite")
    assert (convert.folder / "link.bin").is_symlink() and (convert.folder / "gone.bin").is_file()


def test_only_empty_folders_and_earlier_exports_are_written_into(convert):
    folder = convert.folder / "hub"
    succeed(convert, CHECKPOINT, "hub", *DESCRIPTION)
    (folder / "config.json").unlink()  # as after an interruption
    succeed(convert, CHECKPOINT, "hub", "--overwrite", *DESCRIPTION)
    (convert.folder / "empty").mkdir()
    succeed(convert, CHECKPOINT, "empty", "--overwrite", *DESCRIPTION)
    for name, file, message in (("run", "last.bin", "the folder of a run"), ("own", "notes.txt", "other files than")):
        (convert.folder / name).mkdir()
        (convert.folder / name / file).write_bytes(CHECKPOINT.read_bytes())
        (convert.folder / name / "config.json" if name == "run" else convert.folder / name / "key.json").write_text("{}")
        before = sorted(os.listdir(convert.folder / name))
        result = convert.run(CHECKPOINT, name, "--overwrite", *DESCRIPTION)
        assert result.returncode == 2 and message in result.stderr, result.stderr
        assert sorted(os.listdir(convert.folder / name)) == before


def test_a_model_is_not_converted_onto_itself(convert):
    succeed(convert, CHECKPOINT, "hub", *DESCRIPTION)
    succeed(convert, "hub", "own.bin")
    before = (convert.folder / "own.bin").read_bytes()
    for source, out in (("own.bin", "own.bin"), ("hub", "hub"), ("hub", "hub/model.safetensors")):
        result = convert.run(source, out, "--overwrite")
        assert result.returncode == 2, result.stderr
        assert "this is the model that is read" in result.stderr or "is a part of it" in result.stderr, result.stderr
    assert (convert.folder / "own.bin").read_bytes() == before
    succeed(convert, "hub", "again.bin")


def test_a_plain_encoder_is_converted_with_its_own_settings(convert):
    for out in ("out.bin", "out"):
        result = convert.run(FIXTURES / "encoder", out)
        assert result.returncode == 2 and "--encoder-only converts it" in result.stderr, result.stderr
    succeed(convert, FIXTURES / "encoder", "out", "--encoder-only")
    written, given = (json.loads((folder / "config.json").read_text()) for folder in (convert.folder / "out", FIXTURES / "encoder"))
    assert written == {key: given[key] for key in written}


@pytest.mark.parametrize("make", [
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(CHECKPOINT.read_bytes()[:100_000]),
    lambda path: path.write_bytes(b"\xff" * 8 + b"{}"),
    lambda path: path.mkdir(),
    lambda path: os.symlink(path.name, path),
    lambda path: os.mkfifo(path),
    lambda path: os.symlink("/dev/zero", path),
])
def test_files_that_are_no_models_are_refused_with_their_name(convert, inspect, make):
    make(convert.folder / "odd")
    for program, *more in ((inspect,), (inspect, "--json"), (convert, "out.bin"), (convert, "out", "--to", "hub")):
        result = program.run("odd", *more)
        assert result.returncode in (2, 74, 77), result
        assert result.stdout == "" and result.stderr.startswith("error: ") and "odd" in result.stderr
    assert os.listdir(convert.folder) == ["odd"]


@pytest.mark.parametrize("name, content", [("canine.json", '{"type": %s}'), ("key.json", '{"a": %s}')])
def test_a_million_lists_inside_one_another_are_refused(convert, inspect, name, content):
    succeed(convert, CHECKPOINT, "hub", *DESCRIPTION)
    (convert.folder / "hub" / name).write_text(content % ("[" * 10**6 + "]" * 10**6))
    result = inspect.run("hub")
    assert result.returncode == 77, result
    assert result.stderr.startswith(f"error: hub/{name}: expected JSON with at most 100 lists"), result.stderr


def test_an_encoder_configuration_of_a_million_lists_is_refused(convert):
    (convert.folder / "config.json").write_text('{"hidden_size": %s}' % ("[" * 5 * 10**5 + "]" * 5 * 10**5))
    result = convert.run(CHECKPOINT, "hub", "--encoder-config", "config.json", *DESCRIPTION[2:])
    assert result.returncode == 2, result
    assert "config.json: expected JSON with at most 100 lists" in result.stderr


def test_a_run_of_finetune_is_inspected_converted_and_started_from(convert, inspect, finetune):
    def run(*more):
        return succeed(
            finetune, "--dataset", FIXTURES / "run/input.csv", "--target-cols", "hisco_1", "--language", "en",
            "--allow-codes-shorter-than-block-size", "--num-epochs", "1", *DESCRIPTION[:2], *more)

    run("--save-path", "out")
    facts = json.loads(succeed(inspect, "out", "--json"))
    assert facts["model"] == "mixer" and facts["optimizer"] and facts["step"] > 0
    result = convert.run("out", "hub", *DESCRIPTION[:2])
    assert result.returncode == 0 and "the state of its optimizer is left out" in result.stderr, result.stderr
    assert json.loads(succeed(inspect, "hub", "--json"))["tensors"] == facts["tensors"]
    assert "Start weights: all of hub/model.safetensors" in run("--save-path", "again", "--initial-checkpoint", "hub")
    result = finetune.run("--dataset", FIXTURES / "run/input.csv", "--target-cols", "hisco_1", "--language", "en",
                          "--encoder", "hub", "--save-path", "never")
    assert result.returncode == 2 and "--initial-checkpoint hub --only-encoder" in result.stderr, result.stderr
