"""The program replay from the outside; what it computes is tested in tests/replay."""

import pytest

from conftest import FIXTURES, Program


@pytest.fixture
def replay(tmp_path):
    return Program("replay", tmp_path)


def test_the_fixture_agrees_in_every_stage(replay):
    result = replay.run(FIXTURES, "--out", "out", "--compare")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "stages agree with the reference" in result.stdout.splitlines()[-1]
    for name in ("activations.safetensors", "losses.json", "gradients.safetensors", "steps.json", "greedy.json"):
        assert (replay.folder / "out" / name).stat().st_size > 0


def test_a_folder_that_is_none_is_a_usage_error(replay):
    result = replay.run("absent", "--out", "out")
    assert result.returncode == 2
    assert "is not a folder" in result.stderr
