"""Pictures of the documentation: they are there, small, and a notebook's page shows what its kernel said."""

import re
from pathlib import Path

import pytest

from docs.notebook_page import notebook_page
from tests.conftest import ROOT
from tests.docs.test_examples import PAGES

SHOWN = re.compile(r"!\[[^\]]+\]\(([^)]+\.png)\)")


def test_every_picture_that_a_page_shows_is_there_and_small() -> None:
    shown = {(page.parent / name).resolve() for page in PAGES for name in SHOWN.findall(page.read_text())}
    assert shown
    assert all(path.stat().st_size <= 300_000 for path in shown)
    assert shown <= {p.resolve() for p in (ROOT / "docs/images").iterdir()}


@pytest.mark.filterwarnings("ignore:.*TCP without encryption:UserWarning")
def test_a_page_of_a_notebook_shows_html_pictures_and_text_as_the_kernel_sent_them(tmp_path: Path) -> None:
    cells = (
        "class Rich:\n    def _repr_html_(self):\n        return '<b id=rich>6</b>'\nRich()",
        "from IPython.display import Image\nImage(data=b'\\x89PNG\\r\\n\\x1a\\n', format='png')",
        "print('1 < 2')",
        "from pathlib import Path\nPath.cwd().name",
    )
    page = notebook_page(cells, tmp_path)
    assert "<b id=rich>6</b>" in page
    assert '<img src="data:image/png;base64,iVBORw0KGgo=' in page
    assert "<pre>1 &lt; 2\n</pre>" in page
    assert f"&#x27;{tmp_path.name}&#x27;" in page
    assert re.findall(r"\[\d\]:", page) == ["[1]:", "[1]:", "[2]:", "[2]:", "[3]:", "[4]:", "[4]:"]
