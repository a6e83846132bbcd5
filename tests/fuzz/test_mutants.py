"""A few mutants in every run of the tests; `python -m tests.fuzz.run` tries ten thousand."""

from pathlib import Path

import pytest

from tests.fuzz.mutants import Seed, mutant, seeds
from tests.fuzz.trial import tried


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutants")


@pytest.fixture(scope="module")
def known(folder: Path) -> list[Seed]:
    return seeds(folder)


def test_sound_files_are_used(folder: Path, known: list[Seed]) -> None:
    for seed in known:
        path = folder / f"sound-{seed.name}{seed.suffix}"
        path.write_bytes(seed.content)
        assert tried(path).kind == "used", seed.name


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_mutants_are_used_or_refused_in_one_line(folder: Path, known: list[Seed], first: int) -> None:
    for number in range(first, first + 20):
        seed, told, content = mutant(known, number)
        path = folder / f"mutant-{number}{seed.suffix}"
        path.write_bytes(content)
        outcome = tried(path)
        assert outcome.kind in ("used", "refused"), (number, seed.name, told, outcome.words)


def test_the_same_number_is_the_same_mutant(known: list[Seed]) -> None:
    assert mutant(known, 7) == mutant(known, 7)
    assert len({mutant(known, k)[2] for k in range(50)}) == 50
