"""Codes, descriptions and languages as people's own files have them: what is refused, what is counted, what counts as wrong."""

import json
import signal

import pandas
import pytest

from conftest import FIXTURES, built, clean_environment

ENCODER = ["--encoder-config", FIXTURES / "encoder" / "config.json"]
CODES = ["--mapping", FIXTURES / "data" / "key.csv", "--target-cols", "hisco_1", "hisco_2", "--block-size", "5"]
MODEL = [FIXTURES / "trained.safetensors", *CODES, *ENCODER, "--num-threads", "1"]
ROWS = FIXTURES / "data" / "data_train.csv"
PREPARE = ["--dataset", "rows.csv", "--target-cols", "a", "b", *ENCODER, "--prepare-only", "--share-val", "0", "--save-path", "out"]
HISCO = "occ1,lang,code1,code2,code3,code4,code5\n"


def write(program, text, name="rows.csv"):
    (program.folder / name).write_text(text)


def read(path):
    return pandas.read_csv(path, dtype=str, keep_default_na=False)


# ---------------------------------------------------------------------------------------------- finetune


def test_codes_that_were_numbers_in_a_spreadsheet_are_named(finetune):
    write(finetune, "occ1,a,b\nfarmer,100.0,\nbaker,222.0,100.0\n")
    result = finetune.run(*PREPARE)
    assert result.returncode == 0, result.stderr
    assert "column a: 2 codes end in '.0' (first in rows.csv, line 2: '100.0')" in result.stderr
    assert "column b: 1 code ends in '.0'" in result.stderr

    write(finetune, "occ1,a,b\nfarmer,58340.0,\nbaker,22210.0,\n")  # too long like this
    result = finetune.run(*PREPARE, "--overwrite-prepared")
    assert result.returncode == 65
    assert "In column a: 2 codes end in '.0'" in result.stderr and "--block-size 7" not in result.stderr


def test_a_block_size_that_holds_the_codes_is_named(finetune):
    write(finetune, "occ1,a,b\nfarmer,123456,\nbaker,12345,\n")
    assert "--block-size 6 holds all codes." in finetune.run(*PREPARE).stderr
    write(finetune, "occ1,a,b\nfarmer,123,\nbaker,456,\n")
    assert "--block-size 3 holds all codes." in finetune.run(*PREPARE).stderr
    write(finetune, "occ1,a,b\nfarmer," + 99 * "1" + ",\n")
    assert "no block size above 63 fits with 2 columns" in finetune.run(*PREPARE).stderr


def test_descriptions_that_are_none_are_counted(finetune):
    write(finetune, "occ1,a,b\n\u200b,11111,\nNA,11111,\n\u00a0,11111,\n-,11111,\nsmith,11111,\n")
    result = finetune.run(*PREPARE)
    assert "3 rows have no description" in result.stderr
    assert "--input-col occ1: 1 description has no letter and no digit (such as '-')" in result.stderr


def test_rows_without_a_code_are_counted(finetune):
    write(finetune, "occ1,a,b\nfarmer,,\nbaker,,11111\nsmith,11111,\n")
    result = finetune.run(*PREPARE)
    assert "2 rows have no code in column a; as in the Python program it becomes '?'" in result.stderr
    assert "baker,?,11111" in (finetune.folder / "out" / "data_train.csv").read_text()


# ---------------------------------------------------------------------------------------------- train_mixer


def train(train_mixer, *arguments):
    return train_mixer.run("--train-data", "rows.csv", "--val-data", "val.csv", *ENCODER, "--max-len", "32", "--padding", "mask",
                           "--num-threads", "1", "--dry-run", "--save-dir", "out", *arguments)


def test_a_class_that_is_no_whole_number_is_refused(train_mixer):
    write(train_mixer, HISCO + "smith,en,5.5,,,,\nbaker,en,1e2,,,,\n")
    write(train_mixer, HISCO + "smith,en,5,,,,\n", "val.csv")
    result = train(train_mixer)
    assert result.returncode == 65
    assert "rows.csv, line 2, column code1, '5.5': unknown class: '5.5' is no whole number" in result.stderr


def test_oddities_are_counted_by_train_mixer_too(train_mixer):
    write(train_mixer, HISCO + "NA,en,100,,,,\n\u200b,en,100,,,,\nbaker,en,5,,7,,\n?,en,5,,,,\n")
    (train_mixer.folder / "val.csv").hardlink_to(train_mixer.folder / "rows.csv")
    result = train(train_mixer)
    assert result.returncode == 0, result.stderr
    assert "--val-data val.csv: this file is in --train-data too" in result.stderr
    assert "rows.csv: 2 of 4 rows have no description" in result.stderr
    assert "rows.csv: 1 row has a code behind an empty label column" in result.stderr
    assert "column occ1: 1 description has no letter and no digit (such as '?')" in result.stderr


def test_codes_of_ones_own_system_in_train_mixer(train_mixer):
    gpf = ["--formatter", "gpf", "--target-cols", "a"]
    write(train_mixer, "occ1,lang,a\nfarmer,en,58340\nbaker,en,1110\nsmith,en,61115\ncook,en,100.0\n")
    write(train_mixer, "occ1,lang,a\nfarmer,en,58340\n", "val.csv")
    result = train(train_mixer, *gpf)
    assert result.returncode == 0, result.stderr
    assert "column a: 1 code has fewer than 5 digits, 2 have 5 (first in rows.csv, line 3: '1110')" in result.stderr
    assert "column a: 1 code ends in '.0'" in result.stderr
    assert "1 of 1 validation row has a description that is in the training rows too" in result.stderr
    result = train(train_mixer, *gpf, "--block-size", "3")
    assert result.returncode == 65
    assert "--block-size 5 holds all other codes." in result.stderr


@pytest.mark.parametrize("code, what", [
    ("05-Jan", "1 code is a date"), ("'00300", "1 code has a mark that keeps a number a text"),
    ("61.110", "1 code has a separator of thousands"), ("unknown", "1 code seems to say that there is none"),
    ("#NAME?", "1 code is an error of a spreadsheet")])
def test_no_larger_block_is_advised_for_what_is_no_code(finetune, train_mixer, code, what):
    rows = f"occ1,lang,a,b\nfarmer,en,58340,\nbaker,en,61115,\nsmith,en,{code},\n"
    write(train_mixer, rows)
    write(train_mixer, rows, "val.csv")
    for result in (finetune.run(*PREPARE), train(train_mixer, "--formatter", "gpf", "--target-cols", "a", "b")):
        assert result.returncode == 65
        assert f"In column a: {what} (first in rows.csv, line 4: '{code}')" in result.stderr
        assert "block-size" not in result.stderr or code == "61.110"  # where the points may belong to the code
        assert "holds all" not in result.stderr


def test_a_sign_in_the_place_of_a_code_is_counted(train_mixer, tmp_path):
    write(train_mixer, "occ1,lang,hisco_1,hisco_2\nfarmer,en,58340,\nbaker,en,-,\n")
    write(train_mixer, "occ1,lang,hisco_1,hisco_2\nfarmer,en,58340,\n", "val.csv")
    told = "column hisco_1: 1 code seems to say that there is none (first in rows.csv, line 3: '-')"
    assert told in train(train_mixer, "--formatter", "gpf", "--target-cols", "hisco_1", "hisco_2").stderr
    result = built("evaluate", tmp_path).run("--checkpoint", *MODEL, "--val-data", "rows.csv")
    assert told in result.stderr
    assert "1 of 2 rows has a code that the model does not have" in result.stderr


@pytest.mark.parametrize("empty", ["", None, "NA"])
def test_an_empty_text_in_a_parquet_file_is_no_code(train_mixer, empty):
    pandas.DataFrame({"occ1": ["farmer", "baker"], "lang": "en", "a": ["11111", empty], "b": empty}).to_parquet(
        train_mixer.folder / "rows.parquet")
    write(train_mixer, "occ1,lang,a,b\nsmith,en,11111,\n", "val.csv")
    result = train(train_mixer, "--train-data", "rows.parquet", "--formatter", "gpf", "--target-cols", "a", "b")
    assert result.returncode == 0, result.stderr
    assert "rows.parquet: 1 row has no code in column a; the model learns to write none" in result.stderr
    assert (train_mixer.folder / "out" / "key.csv").read_text() == "system_code,code\n11111,0\n"


@pytest.mark.parametrize("codes", [[], ["--formatter", "gpf", "--target-cols", "code1"]])
def test_files_without_rows_are_named_as_such(train_mixer, codes):
    write(train_mixer, HISCO)
    write(train_mixer, HISCO + "smith,en,5,,,,\n", "val.csv")
    result = train(train_mixer, *codes)
    assert result.returncode == 65
    assert "--train-data: rows.csv has no rows below the names of the columns" in result.stderr


# ---------------------------------------------------------------------------------------------- evaluate


def evaluate(folder, *arguments):
    result = built("evaluate", folder).run("--checkpoint", *MODEL, "--batch-size", "2", *arguments)
    assert result.returncode == 0, result.stderr
    return result


def test_a_code_that_the_model_lacks_counts_as_wrong(tmp_path):
    rows = read(ROWS).head(12)
    rows.to_csv(tmp_path / "known.csv", index=False)
    evaluate(tmp_path, "--val-data", "known.csv", "--summary", "known.json", "--fn-out", "known_rows.csv")
    known = json.loads((tmp_path / "known.json").read_text())

    more = pandas.concat([rows.head(5), pandas.DataFrame([
        {"occ1": "smith", "lang": "en", "hisco_1": "99998", "hisco_2": rows["hisco_1"][0]},  # no class
        {"occ1": "smith", "lang": "en", "hisco_1": "a b", "hisco_2": ""},                    # no code
        {"occ1": "smith", "lang": "da", "hisco_1": "1&2&3", "hisco_2": ""},                  # too many
        {"occ1": "smith", "lang": "en", "hisco_1": "1234567", "hisco_2": ""}]), rows.tail(7)], ignore_index=True)
    more.to_csv(tmp_path / "more.csv", index=False)
    result = evaluate(tmp_path, "--val-data", "more.csv", "--summary", "more.json", "--fn-out", "more_rows.csv")
    assert "4 of 16 rows have a code that the model does not have, or none, and count as wrong:" in result.stderr
    assert "more.csv, line 7, column hisco_1: the code '99998' is none of the" in result.stderr
    assert "4 rows are not counted here" in result.stdout
    summary = json.loads((tmp_path / "more.json").read_text())
    assert summary["rows_with_unknown_codes"] == 4
    assert (summary["overall"]["rows"], summary["teacher_forced"]["rows"]) == (16, 12)
    assert summary["overall"]["exact_match"] == pytest.approx(known["overall"]["exact_match"] * 12 / 16)
    assert summary["overall"]["labels"] == known["overall"]["labels"] + 2 + 1 + 3 + 1
    forced = {name: value for name, value in known["teacher_forced"].items() if not name.startswith("loss")}
    assert {name: summary["teacher_forced"][name] for name in forced} == pytest.approx(forced)

    written = read(tmp_path / "more_rows.csv")
    assert list(written["label"][5:9]) == ["99998&" + rows["hisco_1"][0], "a b", "1&2&3", "1234567"]
    assert list(written["pred_s2s"].drop(range(5, 9))) == list(read(tmp_path / "known_rows.csv")["pred_s2s"])

    both = evaluate(tmp_path, "--val-data", "more.csv", "--summary", "both.json", "--fn-out", "both.csv", "--devices", "cpu:2")
    assert "4 of 16 rows have a code" in both.stderr
    assert (tmp_path / "both.csv").read_bytes() == (tmp_path / "more_rows.csv").read_bytes()
    counts = ("rows", "exact_match", "labels")
    shared = json.loads((tmp_path / "both.json").read_text())
    assert shared["rows_with_unknown_codes"] == 4
    assert [shared["overall"][name] for name in counts] == [summary["overall"][name] for name in counts]


def test_rows_without_a_code_count_as_wrong_in_csv_as_in_parquet(tmp_path):
    rows = read(ROWS).head(12)
    rows.loc[8:, ["hisco_1", "hisco_2"]] = ""
    rows.to_csv(tmp_path / "rows.csv", index=False)
    rows.to_parquet(tmp_path / "rows.parquet")
    for name in ("rows.csv", "rows.parquet"):
        result = evaluate(tmp_path, "--val-data", name, "--summary", name + ".json", "--fn-out", name + ".out.csv")
        assert f"{name}: 4 of 12 rows have a code that the model does not have, or none, and count as wrong:" in result.stderr
        assert "column hisco_1: no code: the first label column is empty" in result.stderr
        assert json.loads((tmp_path / (name + ".json")).read_text())["rows_with_unknown_codes"] == 4
    assert (tmp_path / "rows.csv.out.csv").read_bytes() == (tmp_path / "rows.parquet.out.csv").read_bytes()


@pytest.mark.parametrize("flags, column, use", [
    (["--input-col", "hisco_1"], "hisco_1", "descriptions"),
    (["--language-col", "hisco_2"], "hisco_2", "languages"),
    (["--input-col", "lang", "--language", "en", "--target-cols", "occ1", "lang"], "lang", "descriptions"),
])
def test_a_column_has_one_use(tmp_path, flags, column, use):
    read(ROWS).head(2).to_csv(tmp_path / "rows.csv", index=False)
    result = built("evaluate", tmp_path).run("--checkpoint", *MODEL, "--val-data", "rows.csv", *flags)
    assert result.returncode == 2
    assert f"the label column {column} is the column of {use}" in result.stderr


def test_labels_of_which_the_model_knows_none_are_refused(tmp_path):
    read(ROWS).assign(hisco_1="x y").to_csv(tmp_path / "rows.csv", index=False)
    result = built("evaluate", tmp_path).run("--checkpoint", *MODEL, "--val-data", "rows.csv")
    assert result.returncode == 65
    assert "no row has codes that the model knows; are they in hisco_1, hisco_2" in result.stderr


def test_columns_of_any_name_are_evaluated(tmp_path):
    rows = read(ROWS)
    rows = rows[rows["lang"] == "en"]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    evaluate(tmp_path, "--val-data", "rows.csv", "--fn-out", "usual.csv")
    rows = rows.rename(columns={"occ1": "job", "lang": "tongue", "hisco_1": "first", "hisco_2": "second"})
    rows.to_csv(tmp_path / "own.csv", index=False)
    own = ["--val-data", "own.csv", "--input-col", "job", "--target-cols", "first", "second"]
    for language in (["--language-col", "tongue"], ["--language", "en"]):
        evaluate(tmp_path, *own, *language, "--fn-out", language[0].strip("-") + ".csv")
        assert (tmp_path / (language[0].strip("-") + ".csv")).read_bytes() == (tmp_path / "usual.csv").read_bytes()

    program = built("evaluate", tmp_path)
    for arguments, advice in ((own[:2], "--input-col"),
                              ([*own[:4], "--language", "en", "--target-cols", "first", "third"], "--target-cols")):
        result = program.run("--checkpoint", *MODEL, *arguments)
        assert result.returncode == 2
        assert advice in result.stderr and "Its columns are 'job', " in result.stderr
    result = program.run("--checkpoint", *MODEL, *own, "--language", "en", "--language-col", "tongue")
    assert result.returncode == 2 and "exclude each other" in result.stderr


# ---------------------------------------------------------------------------------------------- predict


def predict(folder, *arguments, code=0, **options):
    result = built("predict", folder).run("--model", *MODEL, *arguments, **options)
    assert result.returncode == code, result.stderr
    return result


def test_a_bad_byte_in_the_last_row_is_found_before_the_first(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"occ1,id\n" + b"smith,1\n" * 3000 + b"b\xe6ker,2\n")
    result = predict(tmp_path, "--fn-in", "in.csv", "--col", "occ1", "--fn-out", "out.csv", code=65)
    assert "in.csv, line 3002, byte column 2: expected UTF-8, found the byte 0xE6" in result.stderr
    assert "Model:" not in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_rows_behind_the_coded_ones_may_change(tmp_path):
    def rows(count, last=None):
        texts = [f"smith {i % 40}" for i in range(count)]
        return pandas.DataFrame({"occ1": texts, "id": range(count)}).assign(id=lambda data: data["id"].replace(0, last or 0))

    common = ["--col", "occ1", "--keep-cols", "id", "--batch-size", "8", "--checkpoint-interval", "0"]
    rows(300).to_csv(tmp_path / "whole.csv", index=False)
    predict(tmp_path, "--fn-in", "whole.csv", "--fn-out", "whole_out.csv", *common)
    predict(tmp_path, "--fn-in", "whole.csv", "--fn-out", "out.csv", *common, code=-signal.SIGKILL,
            env=clean_environment(CANINE_FAULT="kill@0:2:predicted"))
    assert (tmp_path / "out.csv.partial").exists()

    rows(300, last=7).to_csv(tmp_path / "other.csv", index=False)
    result = predict(tmp_path, "--fn-in", "other.csv", "--fn-out", "out.csv", *common, "--resume", code=65)
    assert "rows of the interrupted run are not the first rows of other.csv" in result.stderr
    rows(5).to_csv(tmp_path / "other.csv", index=False)
    result = predict(tmp_path, "--fn-in", "other.csv", "--fn-out", "out.csv", *common, "--resume", code=65)
    assert "other.csv has only 5" in result.stderr
    result = predict(tmp_path, "--fn-in", "whole.csv", "--fn-out", "out.csv", *common, "--resume", "--batch-size", "4", code=2)
    assert "\n  --batch-size: then 8, now 4\n" in result.stderr and result.stderr.count(": then ") == 1

    rows(330).to_csv(tmp_path / "renamed.csv", index=False)  # 30 rows more, under another name
    predict(tmp_path, "--fn-in", "renamed.csv", "--fn-out", "out.csv", *common, "--resume")
    written = read(tmp_path / "out.csv")
    assert list(written["id"]) == [str(i) for i in range(330)]
    codes = [name for name in written.columns if name != "conf"]
    pandas.testing.assert_frame_equal(written[codes].head(300), read(tmp_path / "whole_out.csv")[codes])


def test_texts_without_content(tmp_path):
    texts = ["smith", "\u200b", " \u00a0\u3000", "\ufeff\u2060", "?", "7"]
    pandas.DataFrame({"occ1": texts}).to_csv(tmp_path / "in.csv", index=False)
    result = predict(tmp_path, "--fn-in", "in.csv", "--fn-out", "out.csv")
    written = read(tmp_path / "out.csv")
    assert [bool(code) for code in written["conf"]] == [True, False, False, False, True, True]
    assert "3 of 6 rows have no description" in result.stdout
    assert "1 description has no letter and no digit (such as '?')" in result.stderr


def test_cells_that_are_cut_at_a_nul_are_counted(tmp_path):
    pandas.DataFrame({"occ1": ["smith", "baker"], "id": ["a\0b", "c"]}).to_parquet(tmp_path / "in.parquet")
    result = predict(tmp_path, "--fn-in", "in.parquet", "--col", "occ1", "--keep-cols", "id", "--fn-out", "out.csv")
    assert "warning: in.parquet: 1 cell holds a zero byte, where it ends" in result.stderr
    assert list(read(tmp_path / "out.csv")["id"]) == ["a", "c"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_of_numbers_are_noted(tmp_path, kind):
    table = pandas.DataFrame({"id": range(50), "born": pandas.Timestamp("1881-01-31"), "occ1": "smith"})
    table.to_csv(tmp_path / "in.csv", index=False) if kind == "csv" else table.to_parquet(tmp_path / "in.parquet")
    for column, what in (("id", "numbers (such as '0')"), ("born", "dates (such as '1881-01-31")):
        result = predict(tmp_path, "--fn-in", f"in.{kind}", "--col", column, "--fn-out", "out.csv", "--mode", "flat", "--overwrite")
        assert f"note: --col {column}: 50 of the first 50 descriptions are {what}" in result.stderr
