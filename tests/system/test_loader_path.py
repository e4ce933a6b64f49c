"""Which libraries programs are started with: their own, whatever lies in the current folder or in LD_LIBRARY_PATH."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import BIN, clean_environment

PROGRAMS = ["convert", "evaluate", "finetune", "inspect", "predict", "replay", "train_mixer"]
STRANGER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
__attribute__((constructor)) static void tell(void) {
  Dl_info own;
  FILE *file = dladdr((void *)tell, &own) ? fopen(LOADED, "a") : 0;
  if (file && fprintf(file, "%s\\n", own.dli_fname)) fclose(file);
}
"""
OPENED_LATER = {"libcuda.so.1", "libnvidia-ml.so.1", "libibverbs.so.1", "libmpi.so.40", "libnuma.so.1", "libnss_files.so.2"}


def run_path(file):
    """Folders in which the loader looks for the libraries of a file, and the kind of that entry."""
    shown = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    kind, folders = re.search(r"\((RPATH|RUNPATH)\).*\[(.*)\]", shown).groups()
    return kind, folders.split(":")


class Strangers:
    """A folder with libraries that have the names of those that programs need or open; whichever is loaded says so."""

    def __init__(self, folder):
        self.folder = folder
        self.list = folder / "loaded.txt"
        (folder / "stranger.c").write_text(STRANGER)
        library = folder / "stranger.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-nostdlib", f'-DLOADED="{self.list}"', "-o", library, folder / "stranger.c"],
                       check=True, timeout=60)
        needed = subprocess.run(["ldd", BIN / "finetune"], capture_output=True, text=True, check=True).stdout
        names = set(re.findall(r"^\s*(\S+) =>", needed, re.MULTILINE))
        assert {"libtorch_cpu.so", "libc10.so", "libstdc++.so.6", "libc.so.6", "libpthread.so.0"} <= names
        for name in names | OPENED_LATER:
            shutil.copy(library, folder / name)

    def loaded(self):
        """Those that were loaded since the last call."""
        names = self.list.read_text().split() if self.list.exists() else []
        self.list.unlink(missing_ok=True)
        return names


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return Strangers(tmp_path_factory.mktemp("strangers"))


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


LIBRARY_PATHS = {"folder": "{}", "end": "/opt/absent:", "start": ":/opt/absent", "middle": "/opt/absent::/opt/none", "alone": ":"}


@pytest.mark.parametrize("kind", LIBRARY_PATHS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_libraries_of_others_are_not_loaded(program, kind, strangers):
    """Neither those of a folder in LD_LIBRARY_PATH nor, by an empty entry of it, those of the current folder."""
    environment = clean_environment(LD_LIBRARY_PATH=LIBRARY_PATHS[kind].format(strangers.folder))
    done = version(BIN / program, cwd=strangers.folder, env=environment)
    assert done.returncode == 0, done.stderr
    assert f"{program} of canine.cpp" in done.stdout and done.stderr == ""
    assert strangers.loaded() == []
    traced = version(BIN / program, cwd=strangers.folder, env={**environment, "LD_TRACE_LOADED_OBJECTS": "1"}).stdout
    assert "libc.so.6 => " in traced and "not found" not in traced
    found = re.findall(r"=> (\S+) \(", traced)
    assert [file for file in found if not file.startswith("/") or file.startswith(str(strangers.folder))] == []


def test_what_is_opened_later_is_not_taken_from_the_current_folder(strangers, tmp_path):
    """The driver of GPUs is looked for before anything is known of the data."""
    command = [BIN / "finetune", "--dataset", "absent.csv", "--save-path", tmp_path / "run"]

    def run(library_path):
        return subprocess.run(command, cwd=strangers.folder, env=clean_environment(LD_LIBRARY_PATH=library_path),
                              capture_output=True, text=True, timeout=60, check=False)

    done = run("/opt/absent:")
    assert done.returncode == 2 and "absent.csv" in done.stderr, done.stderr
    assert strangers.loaded() == []
    run(str(strangers.folder))  # named: a container's driver is there
    assert "libcuda.so.1" in {os.path.basename(name) for name in strangers.loaded()}


def test_a_start_anew_is_the_same_process_with_its_arguments(tmp_path):
    def started(**more):
        program = subprocess.Popen(["inspect", "--no such flag", ""], executable=BIN / "inspect", env=clean_environment(**more),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        return program.pid, program.communicate(timeout=60), program.returncode

    plain, anew = started(), started(LD_LIBRARY_PATH="/opt/absent:")
    assert "--no such flag" in plain[1][1] and plain[1:] == anew[1:]


def test_a_linked_library_that_has_gone_is_looked_for_as_ever(tmp_path):
    """After an upgrade of the distribution, say: the links are only a preference."""
    (tmp_path / "bin").mkdir()
    shutil.copy(BIN / "inspect", tmp_path / "bin")
    linked = tmp_path / "lib" / "canine" / "linked"
    linked.mkdir(parents=True)
    for link in (BIN.parent / "lib" / "canine" / "linked").iterdir():
        assert os.path.isabs(os.readlink(link)), link
        (linked / link.name).symlink_to("/nowhere/" + link.name)
    assert version(tmp_path / "bin" / "inspect").returncode == 0
