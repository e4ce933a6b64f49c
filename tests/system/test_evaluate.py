"""The program evaluate from the outside: the Python program's own output, metrics counted anew, files, refusals."""

import json

import numpy
import pandas
import pytest
import torch
from safetensors.torch import load_file

from conftest import FIXTURES, ROOT, Program
from jobs import free_port, torchrun

KEY = FIXTURES / "data" / "key.csv"
DATA = [FIXTURES / "data" / "data_train.csv", FIXTURES / "data" / "data_val.csv"]
CODES = ["--mapping", KEY, "--target-cols", "hisco_1", "hisco_2", "--block-size", "5"]
ENCODER = ["--encoder-config", FIXTURES / "encoder" / "config.json"]
SHAPE = [*CODES, *ENCODER]


@pytest.fixture
def evaluate(tmp_path):
    program = Program("evaluate", tmp_path)
    if not program.path.exists():
        pytest.fail(f"{program.path} is not there: build first, or set CANINE_BIN")
    return program


def write_checkpoint(path, weights, step=1500):
    torch.save({"model": weights, "step": step, "key": None}, path)
    return path


@pytest.fixture
def trained(tmp_path):
    """The fixture's trained weights, in a file as the Python program writes them."""
    return write_checkpoint(tmp_path / "trained.bin", load_file(FIXTURES / "trained.safetensors"))


@pytest.fixture
def hisco(tmp_path):
    """A model of HISCO that has learned nothing, and a file of class numbers for it."""
    generator = torch.Generator().manual_seed(1)
    weights = load_file(FIXTURES / "trained.safetensors")
    for name, rows in {"decoder.token_emb.embedding.weight": 19, "decoder.head.weight": 19, "decoder.head.bias": 19,
                       "linear_decoder.weight": 1919, "linear_decoder.bias": 1919}.items():
        weights[name] = torch.randn([rows, *weights[name].shape[1:]], generator=generator)
    rows = pandas.DataFrame({"occ1": ["smith", "baker", "pilot, NA", ""], "lang": ["en", "da", "en", "da"],
                             "code1": ["3", "123.0", "1918", "0"], "code2": ["", "0", "1917", ""],
                             "code3": ["", "2", "3", ""], "code4": ["", "", "4", ""], "code5": ["", "", "5", ""]})
    rows.to_csv(tmp_path / "hisco.csv", index=False)
    return write_checkpoint(tmp_path / "hisco.bin", weights)


def run(evaluate, *arguments, **options):
    result = evaluate.run(*arguments, **options)
    assert result.returncode == 0, result.stderr
    return result


def read(path):
    """The rows as texts, probabilities as numbers."""
    rows = pandas.read_csv(path, dtype=str, keep_default_na=False)
    for name in rows.columns:
        if name.startswith("prob_"):
            rows[name] = rows[name].astype("float32")
    return rows


# ---------------------------------------------------------------------------------------------- rows


def test_rows_are_those_of_the_python_program(evaluate, trained):
    run(evaluate, "--val-data", *DATA, "--checkpoint", trained, "--batch-size", "16", "--fn-out", "eval.csv", *SHAPE)
    ours = read(evaluate.folder / "eval.csv")
    theirs = read(FIXTURES / "eval" / "eval.csv")
    assert list(ours.columns) == list(theirs.columns)
    assert len(ours) == 50
    source = pandas.concat([pandas.read_csv(path, dtype=str, keep_default_na=False) for path in DATA])
    assert list(ours["input"]) == list(source["lang"] + "[SEP]" + source["occ1"])  # in the files' order

    order = ["input", "label", "pred_s2s"]
    ours, theirs = (rows.sort_values(order, ignore_index=True) for rows in (ours, theirs))
    numbers = [name for name in ours.columns if name.startswith("prob_")]
    texts = [name for name in ours.columns if name not in numbers]
    pandas.testing.assert_frame_equal(ours[texts], theirs[texts])
    numpy.testing.assert_allclose(ours[numbers], theirs[numbers], atol=5e-6)


def test_probabilities_are_written_as_pandas_writes_float32(evaluate, trained):
    run(evaluate, "--val-data", DATA[1], "--checkpoint", trained, "--fn-out", "eval.csv", *SHAPE)
    written = (evaluate.folder / "eval.csv").read_text()
    assert read(evaluate.folder / "eval.csv").to_csv(index=False) == written


def test_every_flag_of_the_python_programs(evaluate, trained_runs):
    """Of a checkpoint without our entries, with flags for what they say, the rows are those of the run itself."""
    common = ["--batch-size", "7", "--num-workers", "1", "--pin-memory", "--max-len", "32", *ENCODER]
    flags = {"hisco": ["--formatter", "hisco", "--target-col-naming", "hisco"],
             "occ1950": ["--formatter", "occ1950", "--target-col-naming", "occ1950"],
             "separated": ["--mapping", trained_runs["separated"][0] / "key.csv", "--target-cols", "list", "--block-size",
                           "3", "--use-within-block-sep"]}
    for kind, (folder, val_data) in trained_runs.items():
        content = torch.load(folder / "last.bin", weights_only=True)
        (evaluate.folder / kind).mkdir()
        theirs = write_checkpoint(evaluate.folder / kind / "theirs.bin", content["model"])
        (evaluate.folder / kind / "args.yaml").write_text("padding: mask\n")  # the runs have that; there is no flag for it
        run(evaluate, "--val-data", val_data, "--checkpoint", theirs, "--fn-out", f"{kind}.csv", *common, *flags[kind])
        run(evaluate, "--val-data", val_data, "--checkpoint", folder, "--fn-out", "own.csv", "--batch-size", "7", "--overwrite")
        assert (evaluate.folder / f"{kind}.csv").read_bytes() == (evaluate.folder / "own.csv").read_bytes()


def test_a_block_size_that_nobody_says_is_five(evaluate, trained):
    arguments = ["--val-data", DATA[1], "--checkpoint", trained, *ENCODER, *CODES]
    run(evaluate, *arguments, "--fn-out", "said.csv")
    result = run(evaluate, *arguments[:-2], "--fn-out", "usual.csv")
    assert "note: " in result.stderr and "the usual 5 are assumed" in result.stderr and "--block-size" in result.stderr
    assert (evaluate.folder / "usual.csv").read_bytes() == (evaluate.folder / "said.csv").read_bytes()


def test_parquet_in_and_out(evaluate, trained):
    pandas.read_csv(DATA[1], dtype=str).to_parquet(evaluate.folder / "val.parquet")
    run(evaluate, "--val-data", DATA[1], "--checkpoint", trained, "--fn-out", "a.csv", *SHAPE)
    run(evaluate, "--val-data", "val.parquet", "--checkpoint", trained, "--fn-out", "b.csv", *SHAPE)
    run(evaluate, "--val-data", "val.*", "--checkpoint", trained, "--fn-out", "c.parquet", *SHAPE)
    assert (evaluate.folder / "a.csv").read_bytes() == (evaluate.folder / "b.csv").read_bytes()
    rows = pandas.read_parquet(evaluate.folder / "c.parquet")
    pandas.testing.assert_frame_equal(rows.fillna(""), read(evaluate.folder / "a.csv"), check_dtype=False)


def test_fewer_classes_than_five_and_more(evaluate, trained):
    small = load_file(FIXTURES / "trained.safetensors")
    for name in ("linear_decoder.weight", "linear_decoder.bias"):
        small[name] = small[name][:3].clone()
    write_checkpoint(evaluate.folder / "small.bin", small)
    (evaluate.folder / "key.csv").write_text("system_code,code\n1,0\n22,1\n333,2\n")
    (evaluate.folder / "val.csv").write_text("occ1,lang,hisco_1,hisco_2\nbaker,en,22,\nsmith,en,1,333\n")
    run(evaluate, "--val-data", "val.csv", "--checkpoint", "small.bin", "--fn-out", "eval.csv", *ENCODER,
        "--mapping", "key.csv", "--target-cols", "hisco_1", "hisco_2", "--block-size", "5")
    rows = read(evaluate.folder / "eval.csv")
    assert [name for name in rows.columns if "linear" in name] == [
        "pred_linear_0", "pred_linear_1", "pred_linear_2", "prob_linear_0", "prob_linear_1", "prob_linear_2"]
    assert list(rows["label"]) == ["22", "1&333"]
    for row in range(2):
        assert {rows[f"pred_linear_{k}"][row] for k in range(3)} == {"1", "22", "333"}

    run(evaluate, "--val-data", *DATA, "--checkpoint", trained, "--top-k", "40", "--fn-out", "all.csv", "--summary",
        "all.json", *SHAPE)
    assert "pred_linear_39" in read(evaluate.folder / "all.csv").columns
    assert json.loads((evaluate.folder / "all.json").read_text())["overall"]["flat_top_k"][-1] == 1


def test_hisco_codes_keep_their_zeros_and_unknown_predictions_end_nothing(evaluate, hisco):
    arguments = ["--val-data", "hisco.csv", "--checkpoint", hisco, *ENCODER]
    run(evaluate, *arguments, "--fn-out", "a.csv", "--top-k", "1919")
    rows = read(evaluate.folder / "a.csv")
    assert list(rows["label"]) == ["01110", "03550&-3&-1", "99999&99930&01110&01120&01130", "-3"]
    assert list(rows["input"]) == ["en[SEP]smith", "da[SEP]baker", "en[SEP]pilot, NA", "da[SEP]"]
    flat = {rows[f"pred_linear_{k}"][0] for k in range(1919)}
    assert len(flat) == 1919 and {"-3", "-2", "-1", "01110", "99999"} <= flat
    assert all(len(code) == 5 for code in flat - {"-3", "-2", "-1"})
    assert [name for name in rows.columns if name.startswith("prob_s2s")] == [f"prob_s2s_{i}" for i in range(27)]

    run(evaluate, *arguments, "--fn-out", "b.csv", "--top-k", "1919", "--formatter", "hisco", "--target-col-naming",
        "hisco")
    assert (evaluate.folder / "a.csv").read_bytes() == (evaluate.folder / "b.csv").read_bytes()


# ---------------------------------------------------------------------------------------------- metrics


def counted_anew(rows, key, k):
    """Metrics of an output file, row by row as their definitions read."""
    codes = {code: index for index, code in enumerate(key)}
    labels = [set(text.split("&")) - {""} for text in rows["label"]]
    predicted = [set(text.split("&")) - {""} for text in rows["pred_s2s"]]
    likeliest = [[rows[f"pred_linear_{i}"][row] for i in range(k)] for row in rows.index]
    right = sum(len(a & b) for a, b in zip(labels, predicted))
    num_predicted, num_labels = sum(map(len, predicted)), sum(map(len, labels))
    by_code = {}
    for code in sorted(set().union(*labels, *predicted) & codes.keys(), key=codes.get):
        both = sum(code in a and code in b for a, b in zip(labels, predicted))
        has, says = sum(code in a for a in labels), sum(code in b for b in predicted)
        found = sum(code in a and code in top for a, top in zip(labels, likeliest))
        by_code[code] = {"labels": has, "predicted": says, "right": both, "precision": both / says if says else 0,
                         "recall": both / has if has else 0, "f1": 2 * both / (has + says),
                         "flat_recall": found / has if has else 0}
    return {
        "rows": len(rows),
        "exact_match": numpy.mean([a == b for a, b in zip(labels, predicted)]),
        "micro": {"precision": right / num_predicted, "recall": right / num_labels,
                  "f1": 2 * right / (num_predicted + num_labels)},
        "macro": {name: numpy.mean([by_code[code][name] for code in by_code]) for name in ("precision", "recall", "f1")},
        "flat_top_k": [numpy.mean([a <= set(top[:n]) for a, top in zip(labels, likeliest)]) for n in range(1, k + 1)],
        "labels": num_labels, "predicted": num_predicted, "right": right,
        "predicted_without_class": sum(len(b - codes.keys()) for b in predicted),
    }, by_code


def assert_close(ours, expected):
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, dict):
            assert_close(ours[name], value)
        else:
            assert ours[name] == pytest.approx(value, abs=1e-12), name


def test_metrics_are_those_of_the_rows(evaluate, trained):
    # Two languages, and some labels that the model does not expect.
    rows = pandas.concat([pandas.read_csv(path, dtype=str, keep_default_na=False) for path in DATA], ignore_index=True)
    rows.loc[rows.index % 3 == 0, "lang"] = "da"
    rows.loc[rows.index % 7 == 0, "hisco_1"] = rows["hisco_1"][0]
    rows.to_csv(evaluate.folder / "rows.csv", index=False)
    arguments = ["--val-data", "rows.csv", "--checkpoint", trained, "--top-k", "3", *SHAPE]
    result = run(evaluate, *arguments, "--fn-out", "eval.csv", "--summary", "eval.json")
    written = read(evaluate.folder / "eval.csv")
    key = list(pandas.read_csv(KEY, dtype=str, keep_default_na=False)["system_code"])
    summary = json.loads((evaluate.folder / "eval.json").read_text())
    overall, by_code = counted_anew(written, key, 3)
    assert 0 < overall["exact_match"] < 1 and 0 < overall["macro"]["f1"] < 1
    assert_close(summary["overall"], overall)
    assert_close(summary["codes"], by_code)
    assert {"da", "en"} <= set(summary["languages"])
    assert sum(metrics["rows"] for metrics in summary["languages"].values()) == 50
    teacher_forced = {language: metrics.pop("teacher_forced") for language, metrics in summary["languages"].items()}
    for language, metrics in summary["languages"].items():
        own = written[written["input"].str.startswith(language + "[SEP]")].reset_index(drop=True)
        assert_close(metrics, counted_anew(own, key, 3)[0])
        # Rows of one language alone have the figures that they have among others.
        rows[rows["lang"] == language].to_csv(evaluate.folder / "own.csv", index=False)
        run(evaluate, "--val-data", "own.csv", "--checkpoint", trained, "--summary", "own.json", "--overwrite", *SHAPE)
        alone = json.loads((evaluate.folder / "own.json").read_text())["teacher_forced"]
        shares = ("flat_accuracy", "rows", "sequence_accuracy", "token_accuracy")
        assert teacher_forced[language] == pytest.approx({name: alone[name] for name in shares}, abs=1e-12)
    assert (summary["model"], summary["step"], summary["files"]) == (str(trained), 1500, ["rows.csv"])

    run(evaluate, *arguments, "--summary", "eval.summary.csv")
    table = pandas.read_csv(evaluate.folder / "eval.summary.csv", dtype={"name": str})
    assert list(table["scope"].unique()) == ["overall", "language", "code"]
    first = table.iloc[0]
    assert first["exact_match"] == pytest.approx(overall["exact_match"], abs=1e-12)
    assert first["macro_f1"] == pytest.approx(overall["macro"]["f1"], abs=1e-12)
    assert first["flat_top_3"] == pytest.approx(overall["flat_top_k"][2], abs=1e-12)
    assert first["sequence_accuracy"] == pytest.approx(summary["teacher_forced"]["sequence_accuracy"], abs=1e-12)
    for row in table[table["scope"] == "language"].to_dict("records"):
        forced = teacher_forced[row["name"]]
        assert {name: row[name] for name in forced} == pytest.approx(forced, abs=1e-12)
    codes = table[table["scope"] == "code"].set_index("name")
    assert list(codes.index) == list(by_code)
    assert list(codes["flat_recall"]) == pytest.approx([metrics["flat_recall"] for metrics in by_code.values()])

    line = next(line for line in result.stdout.splitlines() if line.strip().startswith("all rows"))
    assert line.split()[2:4] == ["50", f"{100 * overall['exact_match']:.2f}"]


@pytest.mark.parametrize("part", ["train", "val"])
def test_teacher_forced_metrics_are_those_of_the_python_program(evaluate, trained, part):
    run(evaluate, "--val-data", FIXTURES / "data" / f"data_{part}.csv", "--checkpoint", trained, "--batch-size", "8",
        "--summary", "eval.json", *SHAPE)
    ours = json.loads((evaluate.folder / "eval.json").read_text())["teacher_forced"]
    theirs = json.loads((FIXTURES / "trained.json").read_text())[f"metrics_{part}"]
    assert ours["sequence_accuracy"] == pytest.approx(theirs["seq_acc"] / 100, abs=1e-12)
    assert ours["token_accuracy"] == pytest.approx(theirs["token_acc"] / 100, abs=1e-12)
    assert ours["flat_accuracy"] == pytest.approx(theirs["flat_acc"], abs=1e-12)
    assert ours["loss_seq2seq"] == pytest.approx(theirs["loss_seq2seq"], rel=1e-4)
    assert ours["loss_linear"] == pytest.approx(theirs["loss_linear"], rel=1e-4)


def test_a_run_folder_says_it_all(evaluate, finetune):
    result = finetune.run("--dataset", FIXTURES / "source.csv", "--target-cols", "hisco_1", "hisco_2", "--language-col",
                          "lang", "--allow-codes-shorter-than-block-size", *ENCODER, "--batch-size", "8",
                          "--learning-rate", "1e-2", "--num-epochs", "3", "--save-path", "out", "--padding", "mask")
    assert result.returncode == 0, result.stderr
    run(evaluate, "--val-data", "out/data_val.csv", "--checkpoint", "out", "--batch-size", "8", "--summary", "e.json")
    ours = json.loads((evaluate.folder / "e.json").read_text())
    last = json.loads((evaluate.folder / "out" / "result.json").read_text())["last_validation"]
    assert ours["teacher_forced"]["token_accuracy"] == pytest.approx(last["token_acc"] / 100, abs=1e-9)
    assert ours["teacher_forced"]["sequence_accuracy"] == pytest.approx(last["seq_acc"] / 100, abs=1e-9)
    assert ours["step"] > 0


@pytest.mark.parametrize("kind", ["hisco", "occ1950", "separated"])
def test_a_run_of_any_system_says_how_its_codes_are_written(evaluate, trained_runs, kind):
    """No flag describes the model; evaluate and predict write the same codes for the same texts."""
    folder, val_data = trained_runs[kind]
    run(evaluate, "--val-data", val_data, "--checkpoint", folder, "--fn-out", "eval.csv", "--summary", "eval.json",
        "--top-k", "2")
    ours = json.loads((evaluate.folder / "eval.json").read_text())
    last = json.loads((folder / "result.json").read_text())["last_validation"]
    assert ours["step"] == 120
    assert ours["teacher_forced"]["token_accuracy"] == pytest.approx(last["token_acc"] / 100, abs=1e-9)
    assert ours["teacher_forced"]["sequence_accuracy"] == pytest.approx(last["seq_acc"] / 100, abs=1e-9)

    written = read(evaluate.folder / "eval.csv")
    assert written["pred_s2s"].nunique() > 1
    written[["lang", "occ1"]] = written["input"].str.split("[SEP]", n=1, regex=False).tolist()
    # predict cleans texts, and codes no empty ones
    written = written[written["occ1"].map(lambda text: text.isascii() and text == text.lower() and text.strip() != "")]
    assert len(written) >= 20
    written[["occ1", "lang"]].to_csv(evaluate.folder / "in.csv", index=False)
    predict = Program("predict", evaluate.folder)
    arguments = ["--model", folder, "--fn-in", "in.csv", "--language-col", "lang"]
    run(predict, *arguments, "--fn-out", "greedy.csv")
    run(predict, *arguments, "--fn-out", "flat.csv", "--mode", "flat", "--threshold", "0", "--top-k", "1")
    name = {"hisco": "hisco", "occ1950": "occ1950", "separated": "code"}[kind]
    greedy, flat = (pandas.read_csv(evaluate.folder / f, dtype=str, keep_default_na=False) for f in ("greedy.csv", "flat.csv"))
    places = [column for column in greedy.columns if column.startswith(name)]
    codes = ["&".join(code for code in row if code) for row in greedy[places].itertuples(index=False)]
    assert codes == list(written["pred_s2s"])
    assert list(flat[f"{name}_1"]) == list(written["pred_linear_0"])
    form = {"hisco": r"-[123]|\d{5}", "occ1950": r"\d{3}", "separated": r"\d+,\d+,\d+"}[kind]
    assert flat[f"{name}_1"].str.fullmatch(form).all()


# ---------------------------------------------------------------------------------------------- several processes


@pytest.mark.parametrize("batch_size", ["8", "13", "50"])  # 7 batches, 4 batches, one for two processes
def test_any_number_of_processes_writes_the_same_bytes(evaluate, trained, batch_size):
    arguments = ["--val-data", *DATA, "--checkpoint", trained, "--batch-size", batch_size, "--num-threads", "1", *SHAPE]
    run(evaluate, *arguments, "--fn-out", "one.csv", "--summary", "one.json")
    run(evaluate, *arguments, "--fn-out", "two.csv", "--summary", "two.json", "--devices", "cpu:2")
    for suffix in ("csv", "json"):
        one, two = ((evaluate.folder / f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
        assert one == two


def test_torchrun(evaluate, trained, jobs):
    arguments = ["--val-data", *DATA, "--checkpoint", trained, "--batch-size", "8", "--num-threads", "1", *SHAPE]
    run(evaluate, *arguments, "--fn-out", "one.csv")
    text = jobs(*torchrun(f"--master_port={free_port()}"), *evaluate.command(*arguments, "--fn-out", "two.csv")).succeed()
    assert text.count("Number of processes: 2") == 1
    assert text.count("Decoding") == text.count("Teacher-forced") == 1
    assert (evaluate.folder / "one.csv").read_bytes() == (evaluate.folder / "two.csv").read_bytes()


def test_all_processes_end_when_the_first_one_cannot_write(evaluate, trained, jobs):
    job = jobs(*evaluate.command("--val-data", *DATA, "--checkpoint", trained, "--batch-size", "8", "--devices", "cpu:2",
                                 "--fn-out", "absent/eval.csv", *SHAPE))
    assert job.end() == 73
    assert not job.alive()


# ---------------------------------------------------------------------------------------------- refusals


def test_help_is_the_stored_text(evaluate):
    result = run(evaluate, "--help")
    assert result.stderr == ""
    assert result.stdout == (ROOT / "tests/app/help/evaluate.txt").read_text()


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (["--val-data"], 2, "--val-data"),
        (["--checkpoint", "trained.bin", *SHAPE], 2, "--val-data is missing: "),
        (["--val-data", DATA[0]], 2, "--checkpoint is missing: "),
        (["--val-data", "absent.csv", "--checkpoint", "trained.bin", *SHAPE], 2, "--val-data absent.csv: "),
        (["--val-data", "*.xyz", "--checkpoint", "trained.bin", *SHAPE], 2, "--val-data *.xyz: no file matches"),
        (["--val-data", DATA[0], "--checkpoint", "trained.bin", *SHAPE, "--summary", "s.txt"], 2, "--summary s.txt: "),
        (["--val-data", DATA[0], "--checkpoint", "trained.bin", *SHAPE, "--top-k", "0"], 2, "--top-k: "),
        (["--val-data", DATA[0], "--checkpoint", "trained.bin", *SHAPE, "--formatter", "hisco"], 2, "2087 symbols"),
        (["--val-data", DATA[0], "--checkpoint", "trained.bin", *SHAPE, "--target-col-naming", "hisco"], 2,
         "--target-col-naming hisco: "),
        (["--val-data", DATA[0], "--checkpoint", "trained.bin", *ENCODER], 2, "--target-cols"),
        (["--val-data", DATA[0], "--checkpoint", "trained.bin", *SHAPE, "--mapping", "short.csv"], 2, "40 classes"),
        (["--val-data", "column.csv", "--checkpoint", "trained.bin", *SHAPE], 2, "column.csv: there is no column 'hisco_2' of codes"),
        (["--val-data", DATA[0], "--checkpoint", "label.csv", *SHAPE], 77, "label.csv"),
        (["--val-data", DATA[0], "--checkpoint", "models/trained.bin", *SHAPE], 2, "models/trained.bin: there is no such file"),
        (["--val-data", DATA[0], "--checkpoint", "runs/frist", *SHAPE], 2, "runs/frist: there is no such file or folder here"),
        (["--val-data", "label.csv", "--checkpoint", "trained.bin", *SHAPE, "--fn-out", "./label.csv"], 2,
         "--fn-out ./label.csv: this is the input of --val-data"),
        (["--val-data", "label.csv", "--checkpoint", "trained.bin", *SHAPE, "--summary", "label.csv"], 2,
         "--summary label.csv: this is the input of --val-data"),
        (["--val-data", DATA[0], "--checkpoint", "trained.bin", *SHAPE, "--fn-out", "e.csv", "--summary", "e.csv"], 2,
         "--summary e.csv: --fn-out writes this file"),
        (["--val-data", "label.csv", "--checkpoint", "absent/model", *SHAPE, "--summary", "absent/s.json"], 73, "absent"),
        (["--val-data", DATA[0], "--checkpoint", "trained.bin", *SHAPE, "--fn-out", "absent/e.csv"], 73, "absent"),
    ],
)
def test_refusals(evaluate, trained, arguments, code, message):
    (evaluate.folder / "column.csv").write_text("occ1,lang,hisco_1\nbaker,en,1\n")
    (evaluate.folder / "label.csv").write_text("occ1,lang,hisco_1,hisco_2\nbaker,en,36040,\nsmith,en,a b,\n")
    (evaluate.folder / "short.csv").write_text("system_code,code\n36040,0\n")
    inputs = {path: path.read_bytes() for path in evaluate.folder.iterdir()}
    result = evaluate.run(*arguments)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert inputs == {path: path.read_bytes() for path in evaluate.folder.iterdir()}
    assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert not list(evaluate.folder.glob("e*.csv"))


def test_a_model_without_decoder_is_refused(evaluate, trained):
    weights = load_file(FIXTURES / "trained.safetensors")
    flat = {name.replace("encoder.", "basemodel.", 1): tensor for name, tensor in weights.items()
            if name.startswith("encoder.")}
    flat |= {"out.weight": weights["linear_decoder.weight"], "out.bias": weights["linear_decoder.bias"]}
    torch.save(flat, evaluate.folder / "flat.bin")
    result = evaluate.run("--val-data", *DATA, "--checkpoint", "flat.bin", *SHAPE)
    assert result.returncode == 77, result.stderr
    assert "mixer" in result.stderr
