"""One file that the system, Python and launchers written in Python can start: an ELF program with a zip behind it."""

import shutil
import signal
import subprocess
import sys
import zipfile

import pytest

from conftest import BIN, ROOT, clean_environment

APPEND = ROOT / "cmake" / "python_start" / "append.py"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, check=False,
                          env=options.pop("env", clean_environment()), **options)


def append(path):
    done = run(sys.executable, APPEND, path)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def printf(tmp_path):
    """A small program that prints its arguments, with the zip behind it."""
    path = tmp_path / "printf"
    shutil.copy(shutil.which("printf"), path)
    append(path)
    return path


@pytest.mark.parametrize("program", ["finetune", "train_mixer", "replay"])
def test_python_starts_our_programs(program):
    direct = run(BIN / program, "--help")
    assert direct.returncode == 0
    assert run(sys.executable, BIN / program, "--help").stdout == direct.stdout


@pytest.mark.parametrize("options", [[], ["--no-python"]])
def test_torchrun_starts_our_programs(options, tmp_path):
    done = run(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", *options,
               BIN / "finetune", "--version", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("finetune of canine.cpp") == 2


def test_arguments_arrive_as_they_are(printf):
    arguments = ["%s\\n", "", "two words", "*", "--flag=1", "Æ", "-"]
    assert run(sys.executable, printf, *arguments).stdout.splitlines() == run(printf, *arguments).stdout.splitlines()


def test_a_relative_path_and_settings_of_python_do_no_harm(printf):
    settings = {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(printf.parent / "nowhere"), "PYTHONOPTIMIZE": "2",
                "PYTHONINSPECT": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    done = run(sys.executable, "-u", "printf", "here", cwd=printf.parent, env=clean_environment(**settings))
    assert (done.returncode, done.stdout) == (0, "here")


@pytest.fixture
def shell(tmp_path):
    """A shell with the zip behind it."""
    path = tmp_path / "sh"
    shutil.copy(shutil.which("sh"), path)
    append(path)
    return path


def test_the_process_stays_the_same(shell):
    with subprocess.Popen([sys.executable, shell, "-c", "echo $$"], stdout=subprocess.PIPE, text=True) as process:
        assert int(process.communicate(timeout=60)[0]) == process.pid


def test_sigpipe_is_not_left_ignored(shell):
    ignored = run(sys.executable, shell, "-c", "grep SigIgn /proc/self/status").stdout.split()[1]
    assert int(ignored, 16) & (1 << (signal.SIGPIPE - 1)) == 0


def test_the_exit_code_is_the_programs(shell):
    assert run(sys.executable, shell, "-c", "exit 75").returncode == 75


def test_a_file_without_execute_permission_is_named(printf):
    printf.chmod(0o644)
    done = run(sys.executable, printf)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"printf: '{printf}' was started by Python but cannot be executed: it has no execute permission here; try: chmod +x '{printf}'"]


def test_appending_twice_changes_nothing(printf):
    before = printf.read_bytes()
    append(printf)
    assert printf.read_bytes() == before


def test_another_zip_is_replaced(printf):
    elf = zipfile.ZipFile(printf).infolist()[0].header_offset
    with zipfile.ZipFile(printf, "a") as archive:
        archive.writestr("old.py", "")
    append(printf)
    assert zipfile.ZipFile(printf).namelist() == ["__main__.py"]
    assert zipfile.ZipFile(printf).infolist()[0].header_offset == elf


def test_offsets_count_from_the_start_of_the_file(printf):
    offset = zipfile.ZipFile(printf).infolist()[0].header_offset
    data = printf.read_bytes()
    end = data.rindex(b"PK\5\6")
    directory = int.from_bytes(data[end + 16:end + 20], "little")
    assert data[directory:directory + 4] == b"PK\1\2"
    assert int.from_bytes(data[directory + 42:directory + 46], "little") == offset > 4096
    assert data[offset:offset + 4] == b"PK\3\4"


def test_other_files_are_refused(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    done = run(sys.executable, APPEND, script)
    assert done.returncode == 1
    assert "is not an ELF program" in done.stderr
    assert script.read_text() == "#!/bin/sh\n"
