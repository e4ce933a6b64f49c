"""What can be found out at once is said before a model is looked for: every command here names a model of the Hub that is
nowhere, and nobody may be asked for it, so an error about the model would show that it came first."""

import pytest

from conftest import FIXTURES, built

ABSENT = "nobody/no-such-model"
ROWS = "occ1,lang,conf,code,code1\nfarmer,en,1,12,3\nsmith,da,1,13,4\n"
VALIDATION = FIXTURES / "data" / "data_val.csv"


def predict(*more):
    return "predict", ["--model", ABSENT, "--fn-in", "in.csv", "--fn-out", "out.csv", *more]


def evaluate(*more):
    return "evaluate", ["--checkpoint", ABSENT, "--val-data", "in.csv", *more]


def finetune(*more):
    return "finetune", ["--dataset", "in.csv", "--encoder", ABSENT, "--save-path", "run", *more]


def train_mixer(*more):
    return "train_mixer", ["--train-data", "in.csv", "--val-data", "in.csv", "--formatter", "gpf", "--encoder", ABSENT,
                           "--save-dir", "run", *more]


def convert(out, *more):
    return "convert", [ABSENT, out, *more]


def replay(out):
    return "replay", [FIXTURES, "--out", out]


SHIFTED = "bad.csv, line 3, byte column 22: expected 5 fields as in the header, this row has 6"
CASES = [
    (predict("--keep-cols", "occ1"), 2, "two columns called occ1"),
    (predict("--keep-cols", "lang", "lang"), 2, "--keep-cols lang: the column is named twice"),
    (predict("--keep-cols", "conf", "--mode", "greedy"), 2, "two columns called conf"),
    (predict("--keep-cols", "nothing"), 2, "has no such column"),
    (predict("--descriptions", "one.csv"), 65, "expected two columns, codes and their descriptions"),
    (predict("--descriptions", "empty.csv"), 65, "empty.csv"),
    (predict("--mapping", "one.csv"), 65, "one.csv"),
    (predict("--encoder-config", "one.csv"), 2, "--encoder-config one.csv"),
    (predict("--fn-out", "nowhere/out.csv"), 73, "there is no folder nowhere"),
    (evaluate("--target-cols", "nothing"), 2, "there is no column 'nothing'"),
    (evaluate("--mapping", "one.csv"), 65, "one.csv"),
    (evaluate("--fn-out", "nowhere/out.csv"), 73, "there is no folder nowhere"),
    (finetune("--target-cols", "nothing"), 2, "--target-cols nothing: in.csv has no such column"),
    (finetune("--target-cols", "code", "--language-col", "nothing"), 2, "--language-col nothing"),
    (finetune("--target-cols", "code", "--fn-word-freq", "one.csv"), 65, "one.csv"),
    (finetune("--target-cols", "code", "--save-path", "in.csv/run"), 73, "in.csv is no folder"),
    (finetune("--target-cols", "code", "--global-batch-size", "7", "--grad-accum-steps", "2"), 2, "must be divisible by 2"),
    (train_mixer("--target-cols", "nothing"), 65, "the column 'nothing' is missing"),
    (train_mixer("--target-cols", "code", "--save-dir", "in.csv"), 73, "in.csv is no folder"),
    (predict("--fn-in", "bad.csv"), 65, SHIFTED),
    (evaluate("--val-data", "bad.csv"), 65, SHIFTED),
    (evaluate("--val-data", "in.csv", "bad.csv"), 65, SHIFTED),
    (finetune("--target-cols", "code", "--dataset", "bad.csv"), 65, SHIFTED),
    (train_mixer("--target-cols", "code", "--train-data", "bad.csv"), 65, SHIFTED),
    (train_mixer("--target-cols", "code", "--val-data", "bad.csv"), 65, SHIFTED),
    (convert("out.onnx"), 2, "OUT out.onnx: models are written as .bin, .safetensors, or as a folder"),
    (convert("in.csv", "--to", "bin"), 2, "OUT in.csv: it is there already"),
    (convert("nowhere/out.bin"), 73, "there is no folder"),
    (convert("out.bin", "--mapping", "one.csv"), 65, "one.csv"),
    (convert("out.bin", "--encoder-config", "one.csv"), 2, "--encoder-config one.csv"),
    (convert("out.bin", "--sep", ";"), 2, "here that is --mapping"),
    (("inspect", [ABSENT, "--jsn"]), 2, "did you mean --json?"),
    (replay("in.csv/out"), 73, "in.csv is no folder"),
]


@pytest.mark.parametrize("command, code, message", CASES, ids=[f"{case[0][0]} {' '.join(map(str, case[0][1][-2:]))}" for case in CASES])
def test_cheap_checks_come_before_the_model(tmp_path, command, code, message):
    program, arguments = command
    (tmp_path / "in.csv").write_text(ROWS)
    (tmp_path / "bad.csv").write_text(ROWS.replace("smith,", "smith, black,"))
    (tmp_path / "one.csv").write_text("only\nx\n")
    (tmp_path / "empty.csv").write_text("")
    result = built(program, tmp_path).run(*arguments)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Hub" not in result.stderr
    assert not (tmp_path / "run").exists() and not (tmp_path / "out.csv").exists()


def test_with_nothing_else_wrong_the_model_is_missed(tmp_path):
    (tmp_path / "in.csv").write_text(ROWS)
    for program, arguments in (predict("--keep-cols", "lang"), evaluate(), finetune("--target-cols", "code"),
                               train_mixer("--target-cols", "code"), convert("out.bin"), ("inspect", [ABSENT])):
        result = built(program, tmp_path).run(*arguments)
        assert result.returncode == 2
        assert f"{ABSENT}: there is no such file or folder" in result.stderr and "Hub" in result.stderr
        assert not (tmp_path / "run").exists()


def test_prepared_data_that_do_not_fit_are_found_before_the_model(tmp_path):
    (tmp_path / "in.csv").write_text("occ1,lang,code\n" + "".join(f"farmer {n},en,{10 + n % 5}\n" for n in range(40)))
    program = built("finetune", tmp_path)
    _, arguments = finetune("--target-cols", "code", "--block-size", "2")
    assert program.run(*arguments, "--prepare-only").returncode == 0
    result = program.run(*arguments, "--share-val", "0.2")
    assert result.returncode == 2
    assert "share-val: prepared with 0.1, now 0.2" in result.stderr and "prepared data that does not fit" in result.stderr
    assert "Hub" not in result.stderr
