from pathlib import Path

import pytest

from geoglm.io.commit.whole import write_whole


def test_a_file_that_cannot_take_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "report.html"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(folder, "a page")
    assert list(tmp_path.iterdir()) == [folder]
    assert not any(folder.iterdir())
    write_whole(folder / "page", "a page")
    assert [p.read_text() for p in folder.iterdir()] == ["a page"]
