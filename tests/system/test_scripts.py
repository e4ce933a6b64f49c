"""The scripts around the code: sources for apt, the include check, the bundled sample, the count of tests."""

import csv
import hashlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from conftest import ROOT

# The entry of another site, as a machine may have one; built here so that no line of this file is a sources entry.
OTHER_SITE = "deb" + " http://other.example/tools bookworm main"

ONE_LINE = f"""\
# comment
deb-src http://mirror.example/debian bookworm main
{OTHER_SITE}
deb [ arch=amd64 signed-by=/keys/debian.gpg ] http://mirror.example/debian/ bookworm main contrib
"""

DEB822 = """\
Types: deb
URIs: http://other.example/tools
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm
Components: main

# a comment inside the paragraph
Types: deb deb-src
URIs: http://mirror.example/debian/ http://second.example/debian
# and another
Suites: bookworm
 bookworm-updates
Components: main contrib
Architectures: amd64
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBGPL0BUBEADmW5NdOOHwPIJlgPu6JDcKw/NZJPR8lsD3K87ZM18gzyQZJD+w
"""


def apt_entry(file, suite):
    return subprocess.run(
        ["bash", "-c", '. "$1/scripts/lib/packages.sh"; apt_entry "$2" http://mirror.example/debian "$3" "$3-backports"',
         "bash", ROOT, file, suite], capture_output=True, text=True, check=False)


def test_a_one_line_entry_is_copied_with_its_options(tmp_path):
    (tmp_path / "sources.list").write_text(ONE_LINE)
    found = apt_entry(tmp_path / "sources.list", "bookworm")
    assert found.returncode == 0
    assert found.stdout == ("deb [ arch=amd64 signed-by=/keys/debian.gpg ] http://mirror.example/debian "
                            "bookworm-backports main\n")


def test_a_deb822_entry_is_copied_with_its_key(tmp_path):
    (tmp_path / "debian.sources").write_text(DEB822)
    found = apt_entry(tmp_path / "debian.sources", "bookworm")
    assert found.returncode == 0
    head, key = found.stdout.split("Signed-By:\n")
    assert head == ("Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\nComponents: main\n"
                    "Architectures: amd64\n")
    assert key == DEB822.split("Signed-By:\n")[1]


@pytest.mark.parametrize("name, text", [("sources.list", ONE_LINE), ("debian.sources", DEB822)])
def test_an_entry_that_is_not_there_is_an_error(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = apt_entry(tmp_path / name, "trixie")
    assert found.returncode != 0
    assert found.stdout == ""


def test_setup_names_an_unknown_argument():
    done = subprocess.run([ROOT / "scripts" / "setup", "--nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--nonsense" in done.stderr


def check_requirements(text, tmp_path):
    (tmp_path / "requirements.txt").write_text(text)
    return subprocess.run([sys.executable, ROOT / "scripts" / "lib" / "check_requirements.py",
                           tmp_path / "requirements.txt"], capture_output=True, text=True, check=False)


def test_the_wheels_are_those_that_are_pinned():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "lib" / "check_requirements.py", ROOT / "requirements.txt"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_another_version_and_a_missing_package_are_named(tmp_path):
    done = check_requirements("torch==1.0.0\nno-such-package==2\n# numpy==0\n", tmp_path)
    assert done.returncode == 1
    assert "torch: 1.0.0 wanted" in done.stderr
    assert "no-such-package: 2 wanted, none found" in done.stderr


@pytest.fixture
def house(tmp_path):
    """A tree with two rooms, to be filled with includes."""
    (tmp_path / "CONTRIBUTING.md").write_text(
        "| Room | What | May use |\n|---|---|---|\n| `core` | basics | std, fmt |\n| `table` | rows | core, Arrow |\n")
    for folder in ("include/canine/core", "include/canine/table", "src/core", "src/table"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def check_includes(root):
    return subprocess.run([sys.executable, ROOT / "scripts" / "check_includes", root], capture_output=True, text=True,
                          check=False)


def test_includes_that_the_table_allows_pass(house):
    (house / "src/table/csv.cpp").write_text(
        '#include "canine/table/csv.hpp"\n#include <arrow/api.h>\n#include <sys/stat.h>\n#include <fmt/format.h>\n'
        '#include "canine/core/file.hpp"\n#include <vector>\n')
    done = check_includes(house)
    assert done.returncode == 0, done.stderr
    assert "6 includes of 2 rooms" in done.stdout


@pytest.mark.parametrize("file, include, complaint", [
    ("src/core/file.cpp", '"canine/table/csv.hpp"', "room core may not use room table"),
    ("src/core/file.cpp", "<ATen/core/Tensor.h>", "room core may not use torch"),
    ("src/core/file.cpp", "<boost/any.hpp>", "room core may not use boost"),
    ("include/canine/table/csv.hpp", "<arrow/api.h>", "Arrow belongs in the sources"),
    ("src/table/csv.cpp", "<torch/torch.h>", "is too large"),
])
def test_an_include_against_the_table_is_named(house, file, include, complaint):
    (house / file).write_text(f"// a file\n#include {include}\n")
    done = check_includes(house)
    assert done.returncode == 1
    assert f"{file}:2: " in done.stderr
    assert complaint in done.stderr


def test_a_room_outside_the_table_is_named(house):
    (house / "src/attic").mkdir()
    (house / "src/attic/old.cpp").write_text("")
    assert "room attic is not in the table" in check_includes(house).stderr


def test_a_rule_for_a_room_below_is_refused(house):
    (house / "CONTRIBUTING.md").write_text("| Room | What | May use |\n|---|---|---|\n| `core` | basics | table |\n")
    done = check_includes(house)
    assert done.returncode == 1
    assert "room core may use 'table'" in done.stderr


def test_the_sample_is_what_its_script_makes(tmp_path):
    subprocess.run([sys.executable, ROOT / "scripts" / "make_sample", tmp_path / "sample.csv"], check=True,
                   capture_output=True)
    made = hashlib.sha256((tmp_path / "sample.csv").read_bytes()).hexdigest()
    assert made == hashlib.sha256((ROOT / "data" / "sample.csv").read_bytes()).hexdigest()


def test_the_sample_fits_its_settings():
    settings = yaml.safe_load((ROOT / "configs" / "sample.yaml").read_text(encoding="utf-8"))
    with open(ROOT / settings["dataset"], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = [row[column] for row in rows for column in settings["target_cols"] if row[column]]
    assert len(rows) == 4000
    assert len({row["occ1"].casefold() for row in rows}) == len(rows)
    assert len({row[settings["language_col"]] for row in rows}) == 10
    assert all(re.fullmatch(r"\d{%d}" % settings["block_size"], code) for code in codes)
    assert any(row["code_2"] for row in rows)
    assert all(row["code_1"] for row in rows)
    assert (ROOT / settings["encoder_config"]).exists()


def make_hisco_codes(table, output):
    return subprocess.run([sys.executable, ROOT / "scripts" / "make_hisco_codes", table, output], capture_output=True,
                          text=True, check=False)


def test_the_hisco_codes_are_what_their_script_makes(tmp_path):
    table = ROOT.parent / "shared" / "reference" / "hisco_codes.csv"
    if not table.exists():
        pytest.skip("the table of HISCO codes, ../shared/reference/hisco_codes.csv, is not there")
    made = make_hisco_codes(table, tmp_path / "codes.inc")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "codes.inc").read_bytes() == (ROOT / "src" / "text" / "hisco_codes.inc").read_bytes()


@pytest.mark.parametrize("rows, complaint", [
    ("0,-3\n2,-2\n", "expected index 1, found '2'"),
    ("0,-3\n1,-1\n", "index 1: '-1'"),
    ("0,-3\n1,-2\n2,-1\n3,1110\n", "index 3: '1110'"),
    ("0,-3\n1,-2\n2,-1\n3,01120\n4,01110\n", "index 4: '01110'"),
])
def test_a_table_of_codes_that_breaks_the_rules_is_refused(tmp_path, rows, complaint):
    (tmp_path / "table.csv").write_text("index,code\n" + rows)
    done = make_hisco_codes(tmp_path / "table.csv", tmp_path / "codes.inc")
    assert done.returncode == 1
    assert complaint in done.stderr
    assert not (tmp_path / "codes.inc").exists()


def test_the_hisco_sample_is_what_its_script_makes_and_holds_class_numbers(tmp_path):
    subprocess.run([sys.executable, ROOT / "scripts" / "make_hisco_sample", tmp_path], check=True, capture_output=True)
    texts, most_codes = [], 0
    for name, num_rows in (("hisco_train.csv", 1600), ("hisco_val.csv", 300)):
        assert (tmp_path / name).read_bytes() == (ROOT / "data" / name).read_bytes()
        with open(tmp_path / name, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == num_rows
        for row in rows:
            texts.append(row["occ1"].casefold())
            cells = [row[f"code{i}"] for i in range(1, 6)]
            codes = cells[:cells.index("")] if "" in cells else cells
            assert codes and not any(cells[len(codes):])
            assert all(0 <= int(code) < 1919 for code in codes)
            most_codes = max(most_codes, len(codes))
    assert len(set(texts)) == len(texts)
    assert most_codes == 5


CATCH2 = """<Catch2TestRun name="text_test">
<TestCase name="one"><OverallResult success="true" skips="0"/></TestCase>
<TestCase name="two"><OverallResult success="false" skips="0"/></TestCase>
<TestCase name="three"><Section name="a"><Skip>needs
 a GPU</Skip></Section><OverallResult success="true" skips="1"/></TestCase>
</Catch2TestRun>"""
PYTEST = """<testsuites><testsuite><testcase classname="a" name="p"/><testcase classname="a" name="q"><skipped
message="needs a GPU"/></testcase></testsuite></testsuites>"""
CTEST = '<testsuite><testcase name="text" status="{}"/>{}</testsuite>'


def count_tests(folder, ctest, *checks):
    (folder / "text.xml").write_text(CATCH2)
    (folder / "system.junit").write_text(PYTEST)
    (folder / "ctest.junit").write_text(ctest)
    done = subprocess.run([sys.executable, ROOT / "scripts" / "lib" / "count_tests.py", folder, *checks],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_cases_skips_and_checks_are_added_up(tmp_path):
    code, lines = count_tests(tmp_path, CTEST.format("fail", ""), "includes=passed", "other=failed")
    assert code == 1
    assert lines == ["skipped 2: needs a GPU", "failed: text: two", "failed: check other", "3 passed, 2 failed, 2 skipped"]


def test_a_room_without_a_report_is_a_failure(tmp_path):
    code, lines = count_tests(tmp_path, CTEST.format("fail", '<testcase name="model" status="fail"/>'))
    assert code == 1
    assert "failed: model: ended without a complete report (fail)" in lines


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_shell_scripts_are_clean():
    scripts = [path for path in sorted((ROOT / "scripts").iterdir())
               if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash")]
    done = subprocess.run(["shellcheck", "-x", *scripts, ROOT / ".ci" / "run"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
