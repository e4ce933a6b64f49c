"""--help of every program is the stored text. After a wanted change: build/bin/NAME --help > tests/app/help/NAME.txt"""

import pytest

from conftest import BIN, ROOT, Program

PROGRAMS = sorted(source.stem for source in (ROOT / "tools").glob("*.cpp"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_is_the_stored_text(name, tmp_path):
    assert (BIN / name).exists(), f"{BIN / name} is not there: build first, or set CANINE_BIN"
    stored = (ROOT / "tests/app/help" / f"{name}.txt").read_text()
    for flag in ("--help", "-h"):
        result = Program(name, tmp_path).run(flag)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == stored
    assert max(map(len, stored.splitlines())) <= 100


@pytest.mark.parametrize("name", PROGRAMS)
def test_version_and_usage_errors(name, tmp_path):
    program = Program(name, tmp_path)
    version = program.run("--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith(f"{name} of canine.cpp ")
    wrong = program.run("--no-such-option")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "unknown option --no-such-option" in wrong.stderr
