"""Input files as people have them: every program reads them, or refuses them in words (docs/input_files.md)."""

import bz2
import gzip
import zipfile

import pandas
import pytest

from conftest import FIXTURES, built

ENCODER = ["--encoder-config", FIXTURES / "encoder" / "config.json", "--max-len", "32", "--num-threads", "1"]
MODEL = ["--formatter", "gpf", "--target-cols", "hisco_1", "hisco_2", "--block-size", "5", "--num-threads", "1",
         "--encoder-config", FIXTURES / "encoder" / "config.json"]
KEY = FIXTURES / "data" / "key.csv"
VALIDATION = FIXTURES / "data" / "data_val.csv"
WEIGHTS = FIXTURES / "trained.safetensors"


@pytest.fixture
def run(tmp_path):
    def run_program(name, *arguments, code=0):
        result = built(name, tmp_path).run(*arguments)
        assert result.returncode == code, result.stderr + result.stdout
        return result

    return run_program


def predict_command(fn_in, *more, mapping=KEY):
    return ["predict", "--model", WEIGHTS, *MODEL, "--mapping", mapping, "--fn-in", fn_in, "--fn-out", "out.csv", *more]


def finetune_command(dataset, *more):
    return ["finetune", "--dataset", dataset, "--target-cols", "hisco_1", "hisco_2", "--language-col", "lang", *ENCODER,
            "--prepare-only", "--save-path", "run", *more]


def train_mixer_command(train, val=VALIDATION, *more):
    return ["train_mixer", "--train-data", train, "--val-data", val, "--formatter", "gpf", "--target-cols", "hisco_1",
            "hisco_2", "--block-size", "5", *ENCODER, "--dry-run", "--save-dir", "run", *more]


def evaluate_command(val, *more, mapping=KEY):
    return ["evaluate", "--checkpoint", WEIGHTS, *MODEL, "--mapping", mapping, "--val-data", val, "--fn-out", "out.csv",
            *more]


def convert_command(mapping):
    return ["convert", WEIGHTS, "out.bin", "--formatter", "gpf", "--target-cols", "hisco_1", "hisco_2", "--mapping", mapping]


def readers_of(path):
    """A command for each flag that takes a table, with the others as they should be."""
    return {
        "predict --fn-in": predict_command(path),
        "predict --mapping": predict_command(VALIDATION, mapping=path),
        "predict --descriptions": predict_command(VALIDATION, "--descriptions", path),
        "finetune --dataset": finetune_command(path),
        "finetune --fn-word-freq": [*(part for part in finetune_command(VALIDATION) if part != "--prepare-only"),
                                    "--allow-codes-shorter-than-block-size", "--fn-word-freq", path],
        "convert --mapping": convert_command(path),
        "train_mixer --train-data": train_mixer_command(path),
        "train_mixer --val-data": train_mixer_command(VALIDATION, path),
        "train_mixer --fn-word-freq": train_mixer_command(VALIDATION, VALIDATION, "--fn-word-freq", path),
        "evaluate --val-data": evaluate_command(path),
        "evaluate --mapping": evaluate_command(VALIDATION, mapping=path),
    }


READERS = list(readers_of("x"))


@pytest.mark.parametrize("reader", READERS)
def test_a_workbook_is_named_by_every_program_and_flag(run, tmp_path, reader):
    with zipfile.ZipFile(tmp_path / "in.csv", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", VALIDATION.read_text())
    result = run(*readers_of("in.csv")[reader], code=65)
    assert "in.csv: expected a CSV or Parquet file, this is an Excel workbook (.xlsx)" in result.stderr
    assert "iconv" not in result.stderr
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("reader", READERS)
def test_semicolons_are_hinted_at_by_every_program_and_flag(run, tmp_path, reader):
    (tmp_path / "in.csv").write_text(VALIDATION.read_text().replace(",", ";"))
    command = readers_of("in.csv")[reader]
    result = built(command[0], tmp_path).run(*command[1:])
    assert result.returncode in (2, 65), result.stderr
    assert "separated by ';' where commas are expected" in result.stderr
    assert "delimiter=';'" in result.stderr


@pytest.mark.parametrize("command", [
    lambda path: predict_command(path, "--language-col", "lang"),
    finetune_command, train_mixer_command, lambda path: train_mixer_command(VALIDATION, path), evaluate_command])
def test_a_row_with_too_many_fields_is_refused_by_every_program(run, tmp_path, command):
    lines = VALIDATION.read_text().splitlines()
    lines[3] = "smith, black" + lines[3]
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")
    result = run(*command("in.csv"), code=65)
    assert "in.csv, line 4, byte column" in result.stderr
    assert "expected 4 fields as in the header, this row has 5" in result.stderr
    assert not (tmp_path / "out.csv").exists()


def test_utf16_without_a_mark_and_zeros_are_refused(run, tmp_path):
    for encoding in ("utf-16-le", "utf-32-be"):
        (tmp_path / "in.csv").write_bytes(VALIDATION.read_text().encode(encoding))
        assert f"iconv -f {encoding.upper().replace('-LE', 'LE').replace('-BE', 'BE')} -t UTF-8" in run(
            *predict_command("in.csv"), code=65).stderr
    (tmp_path / "in.csv").write_bytes(bytes(3000))
    assert "nothing but zero bytes" in run(*predict_command("in.csv"), code=65).stderr


def test_packed_files_give_what_the_plain_one_gives(run, tmp_path):
    text = VALIDATION.read_bytes()
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(text))
    (tmp_path / "in.bz2").write_bytes(bz2.compress(text))
    run(*predict_command(VALIDATION))
    plain = (tmp_path / "out.csv").read_bytes()
    for packed in ("in.csv.gz", "in.bz2"):
        run(*predict_command(packed, "--overwrite"))
        assert (tmp_path / "out.csv").read_bytes() == plain
    pandas.read_csv(VALIDATION, dtype=str).to_csv(tmp_path / "in.tsv", sep="\t", index=False)
    run(*predict_command("in.tsv", "--overwrite"))
    assert (tmp_path / "out.csv").read_bytes() == plain
    run(*finetune_command(VALIDATION, "--allow-codes-shorter-than-block-size", "--save-path", "plain"))
    run(*finetune_command("in.csv.gz", "--allow-codes-shorter-than-block-size", "--save-path", "packed"))
    for name in ("data_train.csv", "data_val.csv", "key.csv"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "packed" / name).read_bytes()


def test_a_stray_quote_is_told(run, tmp_path):
    (tmp_path / "in.csv").write_text('occ1\nsmith\n"foreman, mill\nbaker\nweaver" at home\ncooper\n')
    result = run(*predict_command("in.csv"))
    told = [line for line in result.stderr.splitlines() if "quote" in line]
    assert len(told) == 1
    assert "from line 3 to line 5. 3 rows were made of 5 lines" in told[0]
    lines = VALIDATION.read_text().splitlines()
    lines[2] = '"' + lines[2]
    lines[9] = lines[9].replace(",", '",', 1)
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")
    result = run(*evaluate_command("in.csv", "--overwrite"))
    assert f"from line 3 to line 10. {len(lines) - 8} rows were made of {len(lines) - 1} lines" in result.stderr


def test_predict_asks_for_the_column_where_it_cannot_know(run, tmp_path):
    (tmp_path / "ids.csv").write_text("id,occ1,lang\n1,smith,en\n")
    result = run(*predict_command("ids.csv"), code=2)
    assert "--col is missing: which column of ids.csv holds the descriptions? Its columns are 'id', 'occ1', 'lang'" in \
        result.stderr
    (tmp_path / "one.csv").write_text("smith\nbaker\n")
    result = run(*predict_command("one.csv"))
    assert "the first line, 'smith', is taken for the name of its column" in result.stderr
    result = run(*predict_command("ids.csv", "--col", "Occ1", "--overwrite"), code=2)
    assert "'Occ1' and 'occ1' differ only in blanks, case" in result.stderr


def test_predict_says_what_may_be_wrong_with_the_names_where_it_asks_for_a_column(run, tmp_path):
    (tmp_path / "rows.csv").write_text("1,smith,en\n2,baker,da\n")
    assert "Is the first line of the file a row already?" in run(*predict_command("rows.csv"), code=2).stderr
    (tmp_path / "commas.csv").write_text("id;job, exact;lang\n1;smith;en\n")
    result = run(*predict_command("commas.csv"), code=2)
    assert "are not clear: 'id;job', ' exact;lang'. The fields seem to be separated by ';'" in result.stderr


DAMAGED = ["sm\ufffdr", "sÃ¦be", "smør"]


def test_descriptions_that_an_encoding_has_damaged_are_told_by_every_program(run, tmp_path):
    lines = VALIDATION.read_text().splitlines()
    for i, text in enumerate(DAMAGED):
        lines[i + 1] = text + lines[i + 1][lines[i + 1].index(","):]
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")
    short = "--allow-codes-shorter-than-block-size"
    for command in (predict_command("in.csv", "--col", "occ1"), finetune_command("in.csv", short),
                    train_mixer_command("in.csv", VALIDATION, "--save-dir", "mixer"),
                    evaluate_command("in.csv", "--overwrite")):
        result = run(*command)
        assert r"1 description has the sign U+FFFD where a letter was (such as 'sm" in result.stderr
        assert "1 description has letters that seem to be UTF-8 read in another encoding (such as 'sÃ¦be')" in result.stderr


def test_a_column_of_whole_rows_is_told(run, tmp_path):
    (tmp_path / "in.csv").write_text("occ1\nsmith;en\nbaker;da\n")
    result = run(*predict_command("in.csv"))
    assert "--col occ1: 2 of the first 2 descriptions hold a ';'; is it the separator of several columns?" in result.stderr


def test_partitioned_folders_are_named_with_their_column(run, tmp_path):
    rows = pandas.read_csv(VALIDATION, dtype=str)
    rows["lang"] = ["da", "en"] * (len(rows) // 2) + ["da"] * (len(rows) % 2)
    rows.to_parquet(tmp_path / "d", partition_cols=["lang"])
    for command in (predict_command("d"), finetune_command("d"), evaluate_command("d")):
        stderr = run(*command, code=2).stderr
        assert "this is a folder" in stderr and "'d/*/*.parquet'" in stderr and "column lang is in the names" in stderr
    for command, code in ((train_mixer_command("d/*/*.parquet"), 65), (evaluate_command("d/*/*.parquet"), 2)):
        result = run(*command, code=code)
        assert "whose column 'lang' is in the names of its folders only" in result.stderr
        assert "pandas.read_parquet('d')" in result.stderr


def test_a_column_of_languages_that_looks_like_lang_is_not_passed_over(run, tmp_path):
    (tmp_path / "in.csv").write_text(VALIDATION.read_text().replace("lang", "\u00a0lang", 1))
    result = run(*evaluate_command("in.csv"), code=2)
    assert r"'lang' and $'\u00A0lang' differ only in blanks" in result.stderr
