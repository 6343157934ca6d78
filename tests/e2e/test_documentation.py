"""The pages of the documentation, as a reader of Markdown sees them."""

import re

import pytest

from conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_blank_line_cuts_a_table(page):
    """The rows after one would have no heading, and would be shown as text."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.M):
        lines = table.splitlines()
        assert len(lines) > 2 and re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", lines[1]), lines[0]
