"""Links between the pages of the documentation lead to files and headings that exist."""

import re

import pytest

from recsys_project.embedded.addresses import PROJECT_DIR

PAGES = sorted([*PROJECT_DIR.glob("*.md"), *(PROJECT_DIR / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def is_broken(page, link):
    name, _, anchor = link.partition("#")
    target = (page.parent / name) if name else page
    return not target.exists() or bool(anchor and anchor not in anchors(target.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    assert [link for link in LINK.findall(page.read_text()) if is_broken(page, link)] == []


def test_the_contents_of_the_operators_page_are_its_sections():
    text = (PROJECT_DIR / "docs" / "operations.md").read_text()
    contents = re.findall(r"\]\(#([\w-]+)\)", text.partition("\n## ")[0])
    fences = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)

    sections = re.findall(r"^###? (.+)$", fences.sub("", text), re.MULTILINE)
    assert contents == [next(iter(anchors(f"## {section}"))) for section in sections]


def test_the_readme_lists_a_page_for_each_reader():
    text = (PROJECT_DIR / "README.md").read_text()

    assert [name for name in ("api", "staff", "operations", "maintaining") if f"(docs/{name}.md)" not in text] == []
