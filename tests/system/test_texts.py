"""One treatment of texts and languages from training to prediction, on models that know the rows they are asked for."""

import json
import re
import unicodedata

import pandas
import pytest

from conftest import FIXTURES, built

LATIN = ["propriétaire", "Käsehändler", "smed på gården", "PASTEUR", "L'ouvrier", "skolelærer"]
TEXTS = [
    *[unicodedata.normalize("NFC", text) for text in LATIN], *[unicodedata.normalize("NFD", text) + " 2" for text in LATIN],
    "ΓΕΩΡΓΟΣ", "αλιεύς", "Сапожник", "плотник", "نجار", "خباز", "סנדלר", "אופה", "鞋匠", "教師", "靴職人", "パン屋", "ช่างทำรองเท้า",
    "👩‍🔧", "🧑‍🌾 farm", "['smith']", "'baker'", "[carter]", "{mason}", "\"cooper\"", "a 'quoted' word", "  two blanks",
    "behind  ", "\u3000wide\u3000", "UPPER CASE", "Upper Case 3", "a very long text that is longer than the model takes",
    "a very long text that is longer than the models take", "twice", "twice",
]
LANGUAGES = ["en", "da", "unk", "zh"]
MAX_LEN = 36


def rows():
    """Texts of many alphabets with codes and languages; equal texts have equal ones."""
    known = {}
    numbers = [known.setdefault(text, len(known)) for text in TEXTS]
    return pandas.DataFrame({"occ1": TEXTS, "lang": [LANGUAGES[n % 4] for n in numbers],
                             "code": [str(n % 6) for n in numbers]})


TRAINING = ["--formatter", "gpf", "--target-cols", "code", "--block-size", "1", "--encoder-config",
            FIXTURES / "encoder" / "config.json", "--max-len", MAX_LEN, "--padding", "mask", "--batch-size", "10",
            "--learning-rate", "1e-2", "--dropout", "0", "--num-threads", "1", "--eval-interval", "1000",
            "--augmentation-prob", "0", "--unk-lang-prob", "0", "--seq2seq-weight", "1"]


def train(folder, *more, data=None, epochs=20):
    """A run in folder/run whose validation rows are its training rows; what it said."""
    (rows() if data is None else data).to_csv(folder / "rows.csv", index=False)
    result = built("train_mixer", folder).run("--train-data", "rows.csv", "--val-data", "rows.csv", *TRAINING, "--num-epochs",
                                              epochs, "--save-dir", "run", *more)
    assert result.returncode == 0, result.stderr
    return result


def done(program, folder, *arguments, code=0):
    result = built(program, folder).run(*arguments, "--num-threads", "1")
    assert result.returncode == code, result.stderr + result.stdout
    return result


def read(path):
    return pandas.read_csv(path, dtype=str, keep_default_na=False)


def predicted(folder, name="rows.csv", *more, model="run"):
    done("predict", folder, "--model", model, "--fn-in", name, "--col", "occ1", "--language-col", "lang", "--fn-out", "p.csv",
         "--overwrite", *more)
    return read(folder / "p.csv")


def evaluated(folder, name="rows.csv", *more):
    done("evaluate", folder, "--checkpoint", "run", "--val-data", name, "--fn-out", "e.csv", "--summary", "e.json",
         "--overwrite", *more)
    return read(folder / "e.csv"), json.loads((folder / "e.json").read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    train(folder)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    train(folder, "--clean-text", "published")
    return folder


@pytest.mark.parametrize("treatment", ["trained", "published"])
def test_predict_says_what_evaluate_says_and_evaluate_what_the_validation_said(request, treatment):
    folder = request.getfixturevalue(treatment)
    table, summary = evaluated(folder)
    last = json.loads((folder / "run" / "result.json").read_text())["last_validation"]
    assert summary["teacher_forced"]["sequence_accuracy"] == pytest.approx(last["seq_acc"] / 100, abs=1e-9)
    assert summary["teacher_forced"]["token_accuracy"] == pytest.approx(last["token_acc"] / 100, abs=1e-9)
    data = rows()
    assert list(table["input"]) == list(data["lang"] + "[SEP]" + data["occ1"])
    right = table["pred_s2s"] == data["code"]
    assert right.mean() > 0.9  # otherwise agreement would say little
    result = predicted(folder)
    filled = data["occ1"].str.strip() != ""
    # Texts of nothing but emoji are empty in ASCII, and no description.
    filled &= (result["code_1"] != "") | (data["occ1"] != "👩‍🔧")
    assert list(result["code_1"][filled]) == list(table["pred_s2s"][filled])
    assert list(result.columns[:2]) == ["occ1", "code_1"]
    assert list(result["occ1"]) == TEXTS


def test_order_batches_devices_and_format_change_nothing(trained):
    whole = predicted(trained)
    same = dict(zip(zip(whole["occ1"], rows()["lang"]), whole["code_1"]))
    data = rows().iloc[::-1]
    data.to_csv(trained / "reverse.csv", index=False)
    data.to_parquet(trained / "reverse.parquet", index=False)
    for name, more in (("reverse.csv", ["--batch-size", "1"]), ("reverse.parquet", ["--devices", "cpu:2", "--batch-size", "7"])):
        result = predicted(trained, name, *more)
        assert list(result["occ1"]) == list(data["occ1"])
        assert list(result["code_1"]) == [same[key] for key in zip(data["occ1"], data["lang"])]
    table, _ = evaluated(trained)
    turned, _ = evaluated(trained, "reverse.parquet", "--batch-size", "5", "--devices", "cpu:2")
    assert list(turned["pred_s2s"]) == list(table["pred_s2s"])[::-1]


def test_the_card_tells_and_a_flag_overrules_with_a_note(tmp_path):
    train(tmp_path, "--clean-text", "published", epochs=1)
    said = built("inspect", tmp_path).run("run").stdout
    assert "treated by lower ascii" in said
    assert re.search(r"languages \(rows\) .*zh \(\d+\)", said)
    common = ["--model", "run", "--fn-in", "rows.csv", "--col", "occ1", "--language-col", "lang", "--fn-out", "p.csv"]
    assert "clean-text" not in done("predict", tmp_path, *common).stderr
    note = done("predict", tmp_path, *common, "--overwrite", "--clean-text", "none").stderr
    assert "--clean-text none: the model" in note and "by --clean-text lower ascii" in note
    assert "--clean-text: expected one of none" in done("predict", tmp_path, *common, "--clean-text", "x", code=2).stderr


def test_a_run_goes_on_with_its_treatment(tmp_path):
    train(tmp_path, "--clean-text", "lower", "ascii", "trim", epochs=1)
    again = train(tmp_path, epochs=2)
    assert "--clean-text is not given: lower ascii trim is taken, as before in run" in again.stderr
    assert "treated by lower ascii trim" in built("inspect", tmp_path).run("run").stdout
    other = built("train_mixer", tmp_path).run("--train-data", "rows.csv", "--val-data", "rows.csv", *TRAINING, "--num-epochs",
                                               "3", "--save-dir", "run", "--clean-text", "none")
    assert other.returncode == 77
    assert "trained with --clean-text lower ascii trim, now --clean-text none was asked for" in other.stderr


def test_a_run_from_another_model_takes_its_treatment(tmp_path):
    train(tmp_path, "--clean-text", "trim", epochs=1)
    (tmp_path / "run").rename(tmp_path / "first")
    follows = train(tmp_path, "--initial-checkpoint", "first", epochs=1)
    assert "--clean-text is not given: trim is taken, as in the training of first" in follows.stderr
    assert "treated by trim" in built("inspect", tmp_path).run("run").stdout
    (tmp_path / "run").rename(tmp_path / "second")
    differs = train(tmp_path, "--initial-checkpoint", "first", "--clean-text", "none", epochs=1)
    assert "was trained with --clean-text trim" in differs.stderr
    (tmp_path / "run").rename(tmp_path / "third")
    foreign = train(tmp_path, "--initial-checkpoint", "first/last.bin", epochs=1)
    assert "trim is taken" in foreign.stderr


def test_quotes_and_brackets_are_learned_as_they_are_asked(tmp_path):
    """Texts in quotes and brackets validate as well as others (the signs go off in training and in validation)."""
    data = rows()
    data["occ1"] = "['" + data["occ1"].str.strip("[]'") + "']"
    train(tmp_path, data=data)
    last = json.loads((tmp_path / "run" / "result.json").read_text())["last_validation"]
    assert last["seq_acc"] > 80
    table, _ = evaluated(tmp_path)
    assert list(predicted(tmp_path)["code_1"]) == list(table["pred_s2s"])


# ---------------------------------------------------------------------------------------------- languages


def test_without_a_language_the_model_is_told_its_own(tmp_path):
    data = rows()
    for language, said in (("da", "'da' is taken, the one language that the model has seen"), ("unk", "")):
        train(tmp_path, data=data.assign(lang=language), epochs=1)
        common = ["--model", "run", "--fn-in", "rows.csv", "--col", "occ1", "--overwrite"]
        result = done("predict", tmp_path, *common, "--fn-out", "own.csv")
        assert said in result.stderr
        assert "'en'" not in result.stderr
        done("predict", tmp_path, *common, "--fn-out", "named.csv", "--language", language)
        assert (tmp_path / "own.csv").read_bytes() == (tmp_path / "named.csv").read_bytes()
        (tmp_path / "run").rename(tmp_path / language)


def test_values_of_languages_are_counted_and_blanks_and_case_passed_over(tmp_path):
    odd = rows()
    odd["lang"] = odd["lang"].where(odd["lang"] != "en", [("EN", " en", "en")[i % 3] for i in range(len(odd))])
    said = train(tmp_path, data=odd, epochs=1).stderr
    assert re.search(r"column lang of the training rows: \d+ of \d+ rows have blanks or another case", said)
    asked = odd.copy()
    asked.loc[0, "lang"] = "de"
    asked.loc[1, "lang"] = "dansk"
    asked.to_csv(tmp_path / "asked.csv", index=False)
    for program, arguments in (
            ("predict", ["--model", "run", "--fn-in", "asked.csv", "--col", "occ1", "--language-col", "lang", "--fn-out", "p.csv"]),
            ("evaluate", ["--checkpoint", "run", "--val-data", "asked.csv", "--fn-out", "e.csv"])):
        note = done(program, tmp_path, *arguments).stderr
        assert f"2 of {len(odd)} rows have a language that the model has not seen" in note
        assert "'dansk' (1 row; its word is 'da')" in note and "'de' (1 row)" in note
        assert "'EN' (" in note
    assert list(read(tmp_path / "p.csv")["code_1"]) == list(read(tmp_path / "e.csv")["pred_s2s"])


def test_a_row_without_a_language_is_of_the_unknown_one_for_all_programs(tmp_path):
    data = rows()
    blank = pandas.Series([("", " ", None, "unk", "en")[i % 5] for i in range(len(data))], dtype=object)
    train(tmp_path, data=data.assign(lang=blank))
    seen = re.search(r"languages \(rows\)\s+([^;]*);", built("inspect", tmp_path).run("run").stdout)[1]
    english = sum(blank == "en")
    assert seen == f"unk ({len(data) - english}), en ({english})"
    for name in ("asked.csv", "asked.parquet"):
        asked = data.assign(lang=blank)
        asked.to_csv(tmp_path / name, index=False) if name.endswith("csv") else asked.to_parquet(tmp_path / name, index=False)
        table, summary = evaluated(tmp_path, name)
        assert list(table["input"]) == [("en" if i % 5 == 4 else "unk") + "[SEP]" + text for i, text in enumerate(TEXTS)]
        assert list(predicted(tmp_path, name)["code_1"]) == list(table["pred_s2s"])


# ---------------------------------------------------------------------------------------------- long texts


def test_texts_that_are_cut_are_counted_with_the_length_that_would_hold_them(tmp_path):
    longest = max(len(language) + len("[SEP]") + len(text.strip("[]'")) + 2 for language, text in zip(rows()["lang"], TEXTS))
    said = train(tmp_path, epochs=1).stderr
    warning = rf"\d+ of {len(TEXTS)} {{}} are longer than --max-len {MAX_LEN} .*; --max-len {longest} would hold all"
    assert re.search(warning.format("training texts"), said) and re.search(warning.format("validation texts"), said)
    predict = ["--model", "run", "--fn-in", "rows.csv", "--col", "occ1", "--language-col", "lang", "--fn-out", "p.csv"]
    evaluate = ["--checkpoint", "run", "--val-data", "rows.csv"]
    assert re.search(warning.format("descriptions"), done("evaluate", tmp_path, *evaluate).stderr)
    said = done("predict", tmp_path, *predict).stderr
    assert re.search(warning.format("descriptions"), said)
    assert re.search(r"warning: rows.csv, line \d+: this description has \d+ characters", said)
    assert "longer than" not in done("predict", tmp_path, *predict, "--overwrite", "--max-len", longest).stderr
    for program, arguments in (("predict", [*predict, "--overwrite"]), ("evaluate", evaluate)):
        refused = done(program, tmp_path, *arguments, "--max-len", "3000", code=2).stderr
        assert "--max-len 3000: the encoder of" in refused and "takes texts of 208 characters at most" in refused
