"""`cmake --install`: a tree that can be moved, and a package that other projects build against."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT, clean_environment

BUILD = ROOT / "build"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600, check=False,
                          env=options.pop("env", clean_environment()), **options)


def succeed(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def configure(source, folder, *options):
    return run("cmake", "-S", source, "-B", folder, "-G", "Ninja", *options)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """An installed tree, stripped, in another place than it was installed to."""
    folder = tmp_path_factory.mktemp("install")
    succeed("cmake", "--install", BUILD, "--prefix", folder / "first", "--strip")
    shutil.move(folder / "first", folder / "moved")
    return folder / "moved"


def test_a_stripped_program_runs_directly_and_under_torchrun(tree, tmp_path):
    version = succeed(tree / "bin" / "finetune", "--version")
    assert "finetune of canine.cpp" in version
    assert succeed(*TORCHRUN, tree / "bin" / "finetune", "--version", cwd=tmp_path).count(version) == 2
    assert succeed(*TORCHRUN, "--no-python", tree / "bin" / "finetune", "--version", cwd=tmp_path).count(version) == 2


def test_the_sample_of_a_moved_tree_is_found(tree, tmp_path):
    with subprocess.Popen([tree / "bin" / "finetune"], cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE,
                          text=True) as process:
        found = next((line for line in process.stdout if line.startswith("Loading data from")), "nothing")
        process.kill()
    assert found.split()[-1] == str(tree / "share" / "canine" / "data" / "sample.csv")


def test_installed_programs_load_their_own_libraries(tree, tmp_path):
    """Also from a tree that was moved, whatever is in the current folder or LD_LIBRARY_PATH."""
    for name in ("libfmt.so.9", "libfmt.so.10", "libstdc++.so.6", "libtorch_cpu.so", "libarrow.so.2600"):
        (tmp_path / name).write_text("no library")
    for program in ("finetune", "predict"):
        assert "of canine.cpp" in succeed(tree / "bin" / program, "--version", cwd=tmp_path,
                                          env=clean_environment(LD_LIBRARY_PATH=f"{tmp_path}:"))
    for file in [*(tree / "bin").iterdir(), *(tree / "lib" / "canine").glob("*.so")]:
        run_path = re.search(r"R(?:UN)?PATH\).*\[(.*)\]", succeed("readelf", "-d", file))[1].split(":")
        assert all(folder.startswith(("/", "$ORIGIN/")) for folder in run_path), (file, run_path)


def test_a_staged_installation_has_whole_programs(tmp_path):
    succeed("cmake", "--install", BUILD, "--prefix", "/opt/canine", "--strip", env=clean_environment(DESTDIR=str(tmp_path)))
    succeed(sys.executable, tmp_path / "opt" / "canine" / "bin" / "finetune", "--version")


def test_nothing_but_headers_package_programs_and_data_is_installed(tree):
    assert sorted(path.name for path in tree.iterdir()) == ["bin", "include", "lib", "share"]
    assert (tree / "include" / "canine" / "dist" / "distributed_data_parallel.hpp").exists()
    assert sorted(path.name for path in (tree / "share" / "canine").iterdir()) == ["LICENSE", "NOTICE", "configs", "data"]


# ---------------------------------------------------------------------------------------------- package


def project(folder, text):
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.25)\nproject(user LANGUAGES CXX)\n{text}\n")
    return folder


@pytest.mark.parametrize("variable, complaint", [
    ("CANINE_TORCH_DIR", "LibTorch was expected in '{0}', but lib/libtorch_cpu.so is missing there."),
    ("CANINE_VENV", "LibTorch was expected as the Python package torch in '{0}/lib/python3*/site-packages', and is not there."),
])
def test_a_place_without_libtorch_is_refused_with_the_way_out(tree, tmp_path, variable, complaint):
    source = project(tmp_path / "user", "find_package(canine REQUIRED COMPONENTS ddp)")
    done = configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={tree}", f"-D{variable}=/nowhere")
    assert done.returncode != 0
    text = " ".join(done.stderr.split())
    assert complaint.format("/nowhere") in text
    assert "Give -DCANINE_VENV=<virtual environment with torch==2.11.0> or -DCANINE_TORCH_DIR=<unpacked LibTorch 2.11.0>." in text


def test_another_series_of_libtorch_is_refused(tree, tmp_path):
    torch = tmp_path / "torch"
    for file, text in {"lib/libtorch_cpu.so": "", "lib/libc10.so": "", "include/ATen/core/Tensor.h": "",
                       "include/torch/headeronly/version.h": "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 9\n"
                                                             "#define TORCH_VERSION_PATCH 1\n"}.items():
        (torch / file).parent.mkdir(parents=True, exist_ok=True)
        (torch / file).write_text(text)
    source = project(tmp_path / "user", "find_package(canine REQUIRED COMPONENTS ddp)")
    done = configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={tree}", f"-DCANINE_TORCH_DIR={torch}")
    assert done.returncode != 0
    assert re.search(r"built with LibTorch 2\.11\.\d+, and LibTorch 2\.9\.1 was found", " ".join(done.stderr.split()))


def test_the_package_takes_the_libtorch_it_is_given(tree, tmp_path):
    import torch

    given = tmp_path / "libtorch"
    given.symlink_to(pathlib.Path(torch.__file__).parent)
    source = project(tmp_path / "user", "find_package(canine REQUIRED COMPONENTS ddp)\n"
                                        "get_target_property(file canine::torch_cpu IMPORTED_LOCATION)\nmessage(STATUS \"links ${file}\")")
    done = configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={tree}", f"-DCANINE_TORCH_DIR={given}")
    assert done.returncode == 0, done.stderr
    assert f"links {given}/lib/libtorch_cpu.so" in done.stdout, done.stdout


def test_an_unknown_component_is_refused(tree, tmp_path):
    source = project(tmp_path / "user", "find_package(canine REQUIRED COMPONENTS mpi)")
    done = configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={tree}")
    assert done.returncode != 0
    assert "components ddp and canine. 'mpi' was asked for" in " ".join(done.stderr.split())


def test_the_whole_package_is_found_and_linked(tree, tmp_path):
    source = project(tmp_path / "user", "find_package(canine REQUIRED)\nadd_executable(user user.cpp)\n"
                                        "target_link_libraries(user PRIVATE canine::canine)")
    (source / "user.cpp").write_text(
        '#include <cstdio>\n#include "canine/app/finetune.hpp"\n'
        'int main() { return canine::finetune_main({"--version"}); }\n')
    done = configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={tree}")
    assert done.returncode == 0, done.stderr
    succeed("cmake", "--build", tmp_path / "build")
    assert "canine.cpp" in succeed(tmp_path / "build" / "user")


# ---------------------------------------------------------------------------------------------- the example on canine::ddp


@pytest.fixture(scope="module")
def classifier(tree, tmp_path_factory):
    """The example's program, built against the installed package."""
    folder = tmp_path_factory.mktemp("classifier")
    done = configure(ROOT / "examples" / "ddp", folder, f"-DCMAKE_PREFIX_PATH={tree}")
    assert done.returncode == 0, done.stderr
    succeed("cmake", "--build", folder)
    return folder / "classifier"


def accuracies(text):
    return [float(value) for value in re.findall(r"accuracy ([\d.]+)", text)]


def norms(text):
    return dict(re.findall(r"rank (\d+): norm of the weights ([\d.]+)", text))


def test_the_example_learns_under_torchrun_and_all_ranks_end_alike(classifier, tmp_path):
    shown = succeed(*TORCHRUN, classifier, cwd=tmp_path)
    assert "2 processes" in shown
    first, *_, last = accuracies(shown)
    assert first < 0.5 and last > 0.85
    assert sorted(norms(shown)) == ["0", "1"]
    assert len(set(norms(shown).values())) == 1


def test_one_process_learns_as_two_do(classifier, tmp_path):
    alone = succeed(classifier, "1", cwd=tmp_path)
    shared = succeed(*TORCHRUN, classifier, "1", cwd=tmp_path)
    assert "1 processes" in alone
    assert accuracies(alone) == pytest.approx(accuracies(shared), abs=0.02)
    assert float(norms(alone)["0"]) == pytest.approx(float(norms(shared)["0"]), rel=1e-3)


@pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")
def test_the_example_opens_the_plugin_of_its_package(tree, classifier, tmp_path):
    plugin = tree / "lib" / "canine" / "canine_mpi.so"
    if not plugin.exists():
        pytest.skip("built without MPI")
    environment = clean_environment(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", LD_DEBUG="files",
                                    LD_DEBUG_OUTPUT=str(tmp_path / "loader"))
    shown = succeed("mpirun", "-np", "2", "--oversubscribe", "--bind-to", "none", classifier, "1", cwd=tmp_path,
                    env=environment)
    assert "2 processes" in shown
    assert len(set(norms(shown).values())) == 1
    loaded = [path for path in tmp_path.glob("loader.*") if f"calling init: {plugin}\n" in path.read_text(errors="replace")]
    assert len(loaded) == 2
