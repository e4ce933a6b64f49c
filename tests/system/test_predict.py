"""The program predict from the outside: models, modes, files, interruptions, odd inputs."""

import io
import math
import re
import signal

import pandas
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file

from conftest import FIXTURES, Program, clean_environment

WEIGHTS = FIXTURES / "trained.safetensors"
KEY = FIXTURES / "data" / "key.csv"
DESCRIPTION = ["--formatter", "gpf", "--mapping", KEY, "--target-cols", "hisco_1", "hisco_2",
               "--block-size", "5", "--encoder-config", FIXTURES / "encoder" / "config.json"]
MODEL = ["--model", WEIGHTS, *DESCRIPTION]
HISCO_SYMBOLS = 19
HISCO_CLASSES = 1919


@pytest.fixture
def predict(tmp_path):
    program = Program("predict", tmp_path)
    if not program.path.exists():
        pytest.fail(f"{program.path} is not there: build first, or set CANINE_BIN")
    return program


def run(predict, *arguments, code=0, **options):
    result = predict.run(*arguments, **options)
    assert result.returncode == code, result.stderr + result.stdout
    return result


def read(path):
    """All cells as text; empty ones are ''."""
    return pandas.read_csv(path, dtype=str, keep_default_na=False)


def descriptions(rows):
    """Rows of many different descriptions, some of them twice, some empty."""
    words = ["farmer", "coal merchant", "servant", "widow of a bricklayer", "soldier", "veterinary surgeon"]
    texts = [f"{words[i % 6]} {i * i % 9973 % 997}" for i in range(rows)]
    return ["" if i % 101 == 7 else text for i, text in enumerate(texts)]


def write_descriptions(folder, rows, name="in.csv"):
    table = pandas.DataFrame({"occ1": descriptions(rows), "id": range(rows)})
    table.to_csv(folder / name, index=False)
    return folder / name


@pytest.fixture(scope="session")
def hisco_model(tmp_path_factory):
    """A checkpoint of a HISCO model as the Python program writes it: the fixture's, with symbols and classes of HISCO."""
    weights = load_file(WEIGHTS)
    # UNK ... SEP, -3, -2, -1, 0 ... 9 and the spare index, by their places in the general-purpose vocabulary
    symbols = [0, 1, 2, 3, 4, 1001, 1002, 1003, *range(1004, 1014), 2086]
    assert len(symbols) == HISCO_SYMBOLS
    for name in ("decoder.head.bias", "decoder.head.weight", "decoder.token_emb.embedding.weight"):
        weights[name] = weights[name][symbols].clone()
    generator = torch.Generator().manual_seed(1)
    weights["linear_decoder.weight"] = torch.randn(HISCO_CLASSES, 24, generator=generator)
    weights["linear_decoder.bias"] = torch.randn(HISCO_CLASSES, generator=generator)
    path = tmp_path_factory.mktemp("hisco") / "last.bin"
    torch.save({"model": weights, "step": 12, "key": None}, path)
    return ["--model", path, "--encoder-config", FIXTURES / "encoder" / "config.json"]


# ---------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "error: --fn-in is missing"),
        (["--fn-in", "in.csv"], "error: --fn-out is missing"),
        (["--fn-in", "absent.csv", "--fn-out", "out.csv"], "error: --fn-in absent.csv: there is no such file"),
        (["--fn-in", "in.csv", "--fn-out", "there.csv"],
         "error: --fn-out there.csv: this file is there already; --overwrite replaces it"),
        (["--fn-in", "in.csv", "--fn-out", "in.csv", "--overwrite"], "error: --fn-out in.csv: this is the input"),
        (["--fn-in", "in.csv", "--fn-out", "."], "error: --fn-out .: this is a folder"),
        (["--fn-in", "in.csv", "--fn-out", "out.csv", "--col", "text"],
         "error: --col text: in.csv has no such column; its columns are 'occ1', 'id'"),
        (["--fn-in", "in.csv", "--fn-out", "out.csv", "--keep-cols", "ID"], "error: --keep-cols ID: in.csv has no such"),
        (["--fn-in", "in.csv", "--fn-out", "out.csv", "--threshold", "1.5"], "error: --threshold: expected a number"),
        (["--fn-in", "in.csv", "--fn-out", "out.csv", "--mode", "best"], "error: --mode: expected one of greedy"),
        (["--fn-in", "in.csv", "--fn-out", "out.csv", "--resume", "--overwrite"], "exclude each other"),
        (["--fn-in", "in.csv", "--fn-out", "out.csv", "--model", "no/such/model"],
         "error: --model no/such/model: there is no such file or folder"),
        (["--fn-in", "in.csv", "--fn-out", "out.csv", "--model", "models/last.bin"],
         "error: --model models/last.bin: there is no such file or folder"),
        (["--fn-in", "in.csv", "--fn-out", "out.csv", "--model", "runs/frist"],
         "error: --model runs/frist: there is no such file or folder here, and as the name of a model on the Hub: "),
        (["--fn-in", "in.csv", "--fn-out", "there.csv", "--descriptions", "there.csv", "--overwrite"],
         "error: --fn-out there.csv: this is the input of --descriptions"),
    ],
)
def test_usage_errors(predict, arguments, message):
    write_descriptions(predict.folder, 3)
    (predict.folder / "there.csv").write_text("mine\n")
    result = run(predict, *arguments, code=2)
    assert message in result.stderr
    assert (predict.folder / "there.csv").read_text() == "mine\n"
    assert not (predict.folder / "out.csv").exists()


def test_one_process_only(predict):
    write_descriptions(predict.folder, 3)
    result = run(predict, "--fn-in", "in.csv", "--fn-out", "out.csv", *MODEL, code=2,
                 env=clean_environment(RANK="0", WORLD_SIZE="2", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1",
                                       MASTER_PORT="29500"))
    assert "start it plainly" in result.stderr


# ---------------------------------------------------------------------------------------------- predictions


def evaluated():
    """What the Python program predicts, by text (cleaning leaves these texts as they are)."""
    table = pandas.read_csv(FIXTURES / "eval" / "eval.csv", dtype=str, keep_default_na=False)
    table["language"], table["text"] = zip(*table["input"].str.split("[SEP]", n=1, regex=False))
    plain = table["text"].map(lambda text: text.isascii() and text == text.lower() and text.strip() != "")
    return table[plain].drop_duplicates("input").reset_index(drop=True)


def test_greedy_predictions_are_those_of_the_python_program(predict):
    reference = evaluated()
    assert len(reference) > 20
    reference[["text", "language"]].to_csv(predict.folder / "in.csv", index=False)
    run(predict, "--fn-in", "in.csv", "--fn-out", "out.csv", "--col", "text", "--language-col", "language", "--conf", "as-written",
        *MODEL)
    result = pandas.read_csv(predict.folder / "out.csv", dtype={"code_1": str, "code_2": str}, keep_default_na=False)
    assert list(result.columns) == ["occ1", "code_1", "code_2", "conf"]
    assert list(result["occ1"]) == list(reference["input"])
    codes = [first + ("&" + second if second else "") for first, second in zip(result["code_1"], result["code_2"])]
    assert codes == list(reference["pred_s2s"])
    for row, conf in enumerate(result["conf"].astype(float)):
        product = math.prod(float(reference[f"prob_s2s_{i}"][row]) for i in range(12))
        assert conf == pytest.approx(product, rel=1e-4)


def test_flat_predictions_are_those_of_the_python_program(predict):
    reference = evaluated()
    reference[["text", "language"]].to_csv(predict.folder / "in.csv", index=False)
    arguments = ["--fn-in", "in.csv", "--col", "text", "--language-col", "language", "--mode", "flat", *MODEL]
    said = run(predict, *arguments, "--fn-out", "all.csv", "--threshold", "0", "--clean-text", "published").stderr
    assert all("--max-len 128" in line or "column system_code" in line for line in said.splitlines())
    result = read(predict.folder / "all.csv")
    assert list(result.columns) == ["occ1", *(f"{name}_{i}" for i in range(1, 6) for name in ("code", "prob"))]
    for i in range(5):
        expected = list(reference[f"pred_linear_{i}"])
        if "" in expected or "nan" in expected:
            continue  # the class of missing cells has no code here
        same = [ours == theirs for ours, theirs in zip(result[f"code_{i + 1}"], expected)]
        assert sum(same) >= len(same) - 1  # two classes may be equally likely
    run(predict, *arguments, "--fn-out", "usual.csv")
    usual = read(predict.folder / "usual.csv")
    limits = {"en": .26, "da": .24, "ge": .21, "fr": .21, "nl": .22, "se": .26, "unk": .31}
    for row, language in enumerate(reference["language"]):
        wanted = [p for p in result.loc[row, [f"prob_{i}" for i in range(1, 6)]] if p and
                  float(p) > limits.get(language, .31)]
        got = [p for p in usual.loc[row, [c for c in usual.columns if c.startswith("prob")]] if p]
        assert got == wanted


def test_full_search_gives_the_greedy_code(predict):
    write_descriptions(predict.folder, 40)
    for mode in ("greedy", "full"):
        run(predict, "--fn-in", "in.csv", "--fn-out", f"{mode}.csv", "--mode", mode, *MODEL,
            *(["--threshold", "0", "--top-k", "1000"] if mode == "full" else []))
    greedy, full = read(predict.folder / "greedy.csv"), read(predict.folder / "full.csv")
    probabilities = full[[c for c in full.columns if c.startswith("prob")]].replace("", "0").astype(float)
    assert (probabilities.sum(axis=1) < 1.0001).all()
    known = set(pandas.read_csv(FIXTURES / "data" / "key.csv", dtype=str)["system_code"].dropna())
    hits = [row for row in range(40) if greedy["code_1"][row] in known]
    assert hits
    for row in hits:
        assert greedy["code_1"][row] in list(full.loc[row])


def test_hisco(predict, hisco_model):
    (predict.folder / "codes.csv").write_text("hisco,meaning\n61110,Farmer\n1110,Chemist\n-1,None\n")
    pandas.DataFrame({"occ": descriptions(50)}).to_csv(predict.folder / "in.csv", index=False)
    arguments = ["--fn-in", "in.csv", *hisco_model]
    result = run(predict, *arguments, "--fn-out", "out.csv", "--descriptions", "codes.csv")
    assert "step 12" in result.stdout
    table = read(predict.folder / "out.csv")
    places = (len(table.columns) - 2) // 2
    assert list(table.columns) == ["occ1", *(f"{n}_{i}" for i in range(1, places + 1) for n in ("hisco", "desc")), "conf"]
    assert (table[f"hisco_{places}"] != "").any() or places == 1
    meanings = {"61110": "Farmer", "01110": "Chemist", "-1": "None", "": ""}
    for i in range(1, places + 1):
        assert list(table[f"desc_{i}"]) == [meanings.get(code, "Unknown code") for code in table[f"hisco_{i}"]]
    result = run(predict, *arguments, "--fn-out", "plain.csv")
    assert "--descriptions FILE adds columns" in result.stderr
    assert [c for c in table.columns if not c.startswith("desc")] == list(read(predict.folder / "plain.csv").columns)
    for mode in ("flat", "full"):
        run(predict, *arguments, "--fn-out", f"{mode}.csv", "--mode", mode, "--threshold", "0", "--top-k", "3")
        codes = read(predict.folder / f"{mode}.csv")["hisco_1"]
        assert set(code for code in codes if len(code) != 5) <= {"", "-1", "-2", "-3"}
        assert (codes != "").sum() == (read(predict.folder / "in.csv")["occ"] != "").sum()


def test_flags_are_judged_by_the_mode_that_a_flat_model_asks_for(predict):
    names = {"encoder.": "basemodel.", "linear_decoder.": "out."}
    weights = {new + name.removeprefix(old): tensor for name, tensor in load_file(WEIGHTS).items()
               for old, new in names.items() if name.startswith(old)}
    torch.save(weights, predict.folder / "flat.bin")
    write_descriptions(predict.folder, 10)
    arguments = ["--fn-in", "in.csv", "--model", "flat.bin", *DESCRIPTION]
    result = run(predict, *arguments, "--fn-out", "out.csv", "--threshold", "0", "--top-k", "2")
    assert "is a flat model, so this is --mode flat" in result.stderr
    assert "has no effect" not in result.stderr
    result = run(predict, *arguments, "--fn-out", "conf.csv", "--conf", "as-written")
    assert "--conf has no effect" in result.stderr


def test_parquet_in_and_out(predict):
    write_descriptions(predict.folder, 60)
    table = pandas.read_csv(predict.folder / "in.csv", dtype={"occ1": str})
    table.to_parquet(predict.folder / "in.parquet")
    for source, target in (("in.csv", "csv.csv"), ("in.parquet", "parquet.csv"), ("in.csv", "out.parquet")):
        run(predict, "--fn-in", source, "--fn-out", target, "--keep-cols", "id", *MODEL)
    csv = (predict.folder / "csv.csv").read_bytes()
    assert csv == (predict.folder / "parquet.csv").read_bytes()
    parquet = pyarrow.parquet.read_table(predict.folder / "out.parquet").to_pandas()
    again = pandas.read_csv(io.BytesIO(csv), dtype={"id": str, "code_1": str, "code_2": str, "conf": "float32"})
    pandas.testing.assert_frame_equal(parquet.fillna("").astype(str), again.fillna("").astype(str), check_dtype=False)


@pytest.mark.parametrize("mode", ["greedy", "flat"])
def test_bfloat16_gives_nearly_the_same(predict, mode):
    evaluated()[["text"]].to_csv(predict.folder / "in.csv", index=False)
    arguments = ["--fn-in", "in.csv", "--mode", mode, *MODEL, *(["--threshold", "0", "--top-k", "1"] if mode == "flat" else [])]
    result = run(predict, *arguments, "--fn-out", "bf16.csv", "--precision", "bf16")
    assert "bf16" in result.stdout
    run(predict, *arguments, "--fn-out", "fp32.csv")
    bf16, fp32 = read(predict.folder / "bf16.csv"), read(predict.folder / "fp32.csv")
    sure = {"greedy": "conf", "flat": "prob_1"}[mode]
    ours, exact = bf16[sure].astype(float), fp32[sure].astype(float)
    same = bf16["code_1"] == fp32["code_1"]
    assert same.mean() > 0.9 and same[exact > 0.5].all()
    assert list(ours) != list(exact)
    assert (abs(ours - exact)[same] < 0.05).all()


def test_devices_share_the_work(predict):
    write_descriptions(predict.folder, 300)
    for mode in ("greedy", "flat", "full"):
        for devices in ("cpu", "cpu:2"):
            run(predict, "--fn-in", "in.csv", "--fn-out", f"{mode}-{devices[-1]}.csv", "--mode", mode, "--devices",
                devices, "--batch-size", "16", *MODEL)
        assert (predict.folder / f"{mode}-u.csv").read_bytes() == (predict.folder / f"{mode}-2.csv").read_bytes()


# ---------------------------------------------------------------------------------------------- interruptions


INTERRUPTED = ["--fn-in", "in.csv", "--fn-out", "out.csv", "--batch-size", "8", "--checkpoint-interval", "0", *MODEL]


def whole_run(predict, *arguments):
    write_descriptions(predict.folder, 800)
    run(predict, *INTERRUPTED, *arguments)
    whole = predict.folder / "whole.csv"
    (predict.folder / "out.csv").rename(whole)
    return whole.read_bytes()


@pytest.mark.parametrize("mode", ["greedy", "flat"])
def test_killed_runs_go_on_to_the_same_bytes(predict, mode):
    whole = whole_run(predict, "--mode", mode)
    first = True
    for chunk in ("2", "3", "1"):  # chunks of the run in question
        result = run(predict, *INTERRUPTED, "--mode", mode, *([] if first else ["--resume"]), code=-signal.SIGKILL,
                     env=clean_environment(CANINE_FAULT=f"kill@0:{chunk}:predicted"))
        first = False
        assert not (predict.folder / "out.csv").exists()
    result = run(predict, *INTERRUPTED, "--mode", mode, code=2)
    assert "--resume goes on, --overwrite starts anew" in result.stderr
    result = run(predict, *INTERRUPTED, "--mode", mode, "--resume", "--devices", "cpu:2")
    assert "rows were there from an earlier run" in result.stdout
    assert (predict.folder / "out.csv").read_bytes() == whole
    assert sorted(path.name for path in predict.folder.iterdir()) == ["in.csv", "out.csv", "whole.csv"]
    result = run(predict, *INTERRUPTED, "--mode", mode, "--resume")
    assert "is complete; nothing was done" in result.stdout and "--overwrite" in result.stdout


@pytest.mark.parametrize("number, mode", [(signal.SIGTERM, []), (signal.SIGINT, []), (signal.SIGUSR2, []),
                                          (signal.SIGINT, ["--mode", "full"])])
def test_signals_stop_a_run_that_goes_on_later(predict, number, mode):
    whole = whole_run(predict, *mode)
    slow = predict.start(*INTERRUPTED, *mode, env=clean_environment(CANINE_FAULT="slow=100@0:*:predicted"))
    for line in slow.stdout:
        if line.startswith("Descriptions:"):
            break
    slow.send_signal(number)
    out, err = slow.communicate(timeout=120)
    assert slow.returncode == 75, err
    assert f"Stopped by signal {int(number)}; " in out
    assert not (predict.folder / "out.csv").exists()
    run(predict, *INTERRUPTED, *mode, "--resume")
    assert (predict.folder / "out.csv").read_bytes() == whole


def test_other_settings_are_not_gone_on_with(predict):
    write_descriptions(predict.folder, 100)
    run(predict, *INTERRUPTED, code=-signal.SIGKILL, env=clean_environment(CANINE_FAULT="kill@0:2:predicted"))
    result = run(predict, *INTERRUPTED, "--resume", "--language", "da", code=2)
    assert result.stderr.count("then ") == 1 and "--language: then en, now da" in result.stderr
    run(predict, *INTERRUPTED, "--language", "da", "--overwrite")
    assert read(predict.folder / "out.csv")["occ1"][0].startswith("da[SEP]")


@pytest.mark.parametrize("flag, change", [
    ("--mapping", lambda text: text.replace("58340,0", "58341,0")),
    ("--encoder-config", lambda text: text.replace('"layer_norm_eps": 1e-12', '"layer_norm_eps": 1e-05')),
])
def test_another_description_of_the_model_is_not_gone_on_with(predict, flag, change):
    """The weights are the same; what they mean is not."""
    file = INTERRUPTED[INTERRUPTED.index(flag) + 1]
    other = change(file.read_text())
    assert other != file.read_text()
    (predict.folder / "other").write_text(other)
    write_descriptions(predict.folder, 100)
    run(predict, *INTERRUPTED, code=-signal.SIGKILL, env=clean_environment(CANINE_FAULT="kill@0:2:predicted"))
    assert "other settings" in run(predict, *INTERRUPTED, "--resume", flag, "other", code=2).stderr
    run(predict, *INTERRUPTED, "--resume")


def test_names_with_line_breaks(predict):
    table = pandas.DataFrame({"occ\nof all": descriptions(100), "a\nb": range(100)})
    table.to_csv(predict.folder / "in\n1.csv", index=False)
    arguments = ["--fn-in", "in\n1.csv", "--col", "occ\nof all", "--keep-cols", "a\nb", "--language", "e\nn",
                 *INTERRUPTED[INTERRUPTED.index("--batch-size"):]]
    run(predict, *arguments, "--fn-out", "whole.csv")
    arguments += ["--fn-out", "out\n1.csv"]
    run(predict, *arguments, code=-signal.SIGKILL, env=clean_environment(CANINE_FAULT="kill@0:2:predicted"))
    run(predict, *arguments, "--resume")
    assert (predict.folder / "out\n1.csv").read_bytes() == (predict.folder / "whole.csv").read_bytes()
    assert list(read(predict.folder / "whole.csv")["a\nb"]) == [str(row) for row in range(100)]


# ---------------------------------------------------------------------------------------------- odd inputs


def predicted(predict, text, *arguments, code=0):
    (predict.folder / "in.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return run(predict, "--fn-in", "in.csv", "--fn-out", "out.csv", "--overwrite", *MODEL, *arguments, code=code)


def test_no_rows(predict):
    predicted(predict, "occ\n")
    assert (predict.folder / "out.csv").read_text() == "occ1,code_1,conf\n"
    assert "in.csv" in predicted(predict, "", code=65).stderr


def test_a_refused_run_leaves_nothing_behind(predict):
    (predict.folder / "in.csv").write_bytes(b"occ\nfarmer\nb\xff\xfed\n")
    run(predict, "--fn-in", "in.csv", "--fn-out", "out.csv", *MODEL, code=65)
    assert [path.name for path in predict.folder.iterdir()] == ["in.csv"]


def test_bad_files(predict):
    assert "in.csv" in predicted(predict, b"occ\nfarmer\nb\xff\xfed\n", code=65).stderr
    assert "in.csv" in predicted(predict, 'occ\n"farmer\n', code=65).stderr
    buffer = io.BytesIO()
    pandas.DataFrame({"occ": ["farmer"] * 1000}).to_parquet(buffer)
    assert "in.csv" in predicted(predict, buffer.getvalue()[:-100], code=65).stderr


def test_cells_without_a_description(predict):
    result = predicted(predict, 'occ1,id\nfarmer,1\n,2\nNA,3\nnan,4\n"  ",5\nnational,6\n', "--keep-cols", "id")
    table = read(predict.folder / "out.csv")
    assert list(table["id"]) == list("123456")
    assert list(table["occ1"]) == ["en[SEP]farmer", "", "", "", "", "en[SEP]national"]
    assert (table.loc[1:4, [c for c in table.columns if c != "id"]] == "").all(axis=None)
    assert "4 of 6 rows have no description" in result.stdout


def test_texts_are_cleaned(predict):
    predicted(predict, 'occ\nBÄCKER & Müller\n"a ""quoted""\ntext, of two lines"\n中\n' + "long " * 30000 + "\n")
    table = read(predict.folder / "out.csv")
    assert list(table["occ1"])[:2] == ["en[SEP]backer & muller", 'en[SEP]a "quoted"\ntext, of two lines']
    assert len(table) == 4
    assert (table["conf"] != "").all()


def test_a_table_without_columns_is_refused_as_such(predict):
    pyarrow.parquet.write_table(pyarrow.table({}), predict.folder / "in.parquet")
    result = run(predict, "--fn-in", "in.parquet", "--fn-out", "out.csv", *MODEL, code=65)
    assert result.stderr == "error: in.parquet: the Parquet file has no columns\n"
    write_descriptions(predict.folder, 3, "in.parquet")
    result = run(predict, "--fn-in", "in.parquet", "--fn-out", "out.csv", *MODEL, code=65)
    assert result.stderr.startswith("error: in.parquet: expected a Parquet file, as the name says")


def test_unknown_language_is_noted(predict):
    said = predicted(predict, "occ\na\n", "--language", "xx").stderr
    assert "--language xx: the model has not seen this language; it knows unk, ca, da" in said


def test_a_model_without_a_card_is_treated_as_the_python_program_does_it_and_says_so(predict):
    said = predicted(predict, "occ\nFarmer\n").stderr
    assert "as in the Python program's prediction, --clean-text lower ascii is assumed" in said
    assert "as in the Python program, --language en is assumed" in said
    assert list(read(predict.folder / "out.csv")["occ1"]) == ["en[SEP]farmer"]
    said = predicted(predict, "occ\nFarmer\n", "--clean-text", "none", "--language", "da").stderr
    assert "assumed" not in said
    assert list(read(predict.folder / "out.csv")["occ1"]) == ["da[SEP]Farmer"]


def test_values_of_a_language_column_are_counted_against_the_published_ones(predict):
    languages = ["de", "sv", "EN", "en ", "da", "en", "english", "UNK"]
    said = predicted(predict, "occ,lang\n" + "".join(f"smith,{language}\n" for language in languages), "--col", "occ",
                     "--language-col", "lang").stderr
    assert "--language-col lang: 3 of 8 rows have a language that the model has not seen" in said
    assert "'de' (1 row; its word is 'ge'), 'english' (1 row; its word is 'en'), 'sv' (1 row; its word is 'se')" in said
    assert "3 of 8 rows have blanks or another case around a known language" in said
    told = [text.split("[SEP]")[0] for text in read(predict.folder / "out.csv")["occ1"]]
    assert told == ["de", "sv", "en", "en", "da", "en", "english", "unk"]


def sound_key(folder):
    """Flags for a key whose codes all have five digits."""
    key = read(KEY)
    key["system_code"] = [code.zfill(5) if code.isdigit() else code for code in key["system_code"]]
    key.to_csv(folder / "key.csv", index=False)
    return "--mapping", folder / "key.csv"


def test_less_output(predict):
    result = predicted(predict, "occ\nfarmer\n", "--col", "occ", "--non-verbose", *sound_key(predict.folder))
    assert result.stdout == "" and result.stderr == ""


def test_a_line_that_was_taken_for_a_name_and_a_file_without_rows_are_told_also_where_less_is_said(predict):
    quietly = ("--non-verbose", *sound_key(predict.folder))
    said = predicted(predict, "smith\nbaker\n", *quietly).stderr
    assert re.fullmatch(r"warning: in.csv: the first line, 'smith', is taken for the name of its column; .*\n", said)
    said = predicted(predict, "occ\n", "--col", "occ", *quietly).stderr
    assert said == "warning: --fn-in in.csv: the file has no rows; the output has a header only\n"
    assert len(read(predict.folder / "out.csv")) == 0


@pytest.mark.parametrize("codes, message", [
    (lambda code: code + ".0", "codes end in '.0' (first in key.csv, line 2: "),
    (lambda code: " " + code, "codes have blanks around them (first in key.csv, line 2: ' "),
])
def test_a_key_that_was_saved_again_is_refused(predict, codes, message):
    key = read(KEY)
    key["system_code"] = [codes(code) for code in key["system_code"]]
    key.to_csv(predict.folder / "key.csv", index=False)
    (predict.folder / "in.csv").write_text("occ\nfarmer\n")
    model = [str(predict.folder / "key.csv") if part == KEY else part for part in MODEL]
    said = run(predict, "--fn-in", "in.csv", "--fn-out", "new.csv", *model, "--mode", "flat", code=65).stderr
    assert message.replace("key.csv", str(predict.folder / "key.csv")) in said
    assert not (predict.folder / "new.csv").exists()


def test_a_key_whose_codes_have_lost_their_zeros_is_told(predict):
    (predict.folder / "in.csv").write_text("occ\nfarmer\n")
    said = run(predict, "--fn-in", "in.csv", "--fn-out", "new.csv", *MODEL, "--mode", "flat").stderr
    assert re.search(r"warning: column system_code: \d+ codes have fewer than 5 digits, \d+ have 5 \(first in .*'1110'", said)
    said = run(predict, "--fn-in", "in.csv", "--fn-out", "other.csv", *MODEL, "--mode", "flat", *sound_key(predict.folder)).stderr
    assert "fewer than 5 digits" not in said


def test_flags_that_contradict_themselves_come_before_the_model(predict):
    (predict.folder / "in.csv").write_text("occ\nfarmer\n")
    common = ["--model", "absent/model.bin", "--fn-in", "in.csv", "--fn-out", "never.csv"]
    said = run(predict, *common, "--target-cols", "a", "a", code=2).stderr
    assert "--target-cols a: the column is named twice" in said
    said = run(predict, *common, "--language", "en", "--language-col", "occ", code=2).stderr
    assert "--language and --language-col exclude each other" in said
    (predict.folder / "absent.bin").write_bytes(b"no model")
    said = run(predict, "--model", "absent.bin", *common[2:], "--formatter", "hisco", "--block-size", "5", code=77).stderr
    assert "--block-size" in said and "it is for --formatter gpf" in said


def test_output_that_cannot_be_written(predict):
    (predict.folder / "in.csv").write_text("occ\nfarmer\n")
    result = run(predict, "--fn-in", "in.csv", "--fn-out", "absent/out.csv", *MODEL, code=73)
    assert "absent" in result.stderr
