"""Which libraries programs are started with: their own, whatever lies in the current folder or in LD_LIBRARY_PATH."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import BIN, clean_environment

PROGRAMS = ["convert", "evaluate", "finetune", "inspect", "predict", "replay", "train_mixer"]
OF_THE_LOADER = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"}


def run_path(file):
    """Folders in which the loader looks for the libraries of a file, and the kind of that entry."""
    shown = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    kind, folders = re.search(r"\((RPATH|RUNPATH)\).*\[(.*)\]", shown).groups()
    return kind, folders.split(":")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """A folder with libraries that have the names of ours and nothing in them."""
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "empty.c").write_text("")
    subprocess.run(["cc", "-shared", "-o", folder / "empty.so", folder / "empty.c"], check=True, timeout=60)
    needed = subprocess.run(["ldd", BIN / "finetune"], capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r"^\s*(\S+) =>", needed, re.MULTILINE)) - OF_THE_LOADER
    assert {"libtorch_cpu.so", "libc10.so", "libstdc++.so.6"} <= names
    for name in names:
        shutil.copy(folder / "empty.so", folder / name)
    return folder


def version(program, **options):
    return subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False, **options)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_run_path_names_folders_only_and_wins_over_the_environment(program):
    kind, folders = run_path(BIN / program)
    assert kind == "RPATH"
    assert all(folder.startswith(("/", "$ORIGIN/")) for folder in folders), folders


def test_the_run_paths_of_plugins_name_folders_only():
    plugins = list((BIN.parent / "lib" / "canine").glob("*.so"))
    assert plugins
    for plugin in plugins:
        _, folders = run_path(plugin)
        assert all(folder.startswith(("/", "$ORIGIN/")) for folder in folders), (plugin, folders)


@pytest.mark.parametrize("program", PROGRAMS)
def test_libraries_of_others_are_not_loaded(program, strangers):
    done = version(BIN / program, cwd=strangers, env=clean_environment(LD_LIBRARY_PATH=str(strangers)))
    assert done.returncode == 0, done.stderr
    assert f"{program} of canine.cpp" in done.stdout


def test_a_linked_library_that_has_gone_is_looked_for_as_ever(strangers, tmp_path):
    """After an upgrade of the distribution, say: the links are only a preference."""
    (tmp_path / "bin").mkdir()
    shutil.copy(BIN / "inspect", tmp_path / "bin")
    linked = tmp_path / "lib" / "canine" / "linked"
    linked.mkdir(parents=True)
    for link in (BIN.parent / "lib" / "canine" / "linked").iterdir():
        assert os.path.isabs(os.readlink(link)), link
        (linked / link.name).symlink_to("/nowhere/" + link.name)
    assert version(tmp_path / "bin" / "inspect").returncode == 0
