from __future__ import annotations

import re
from pathlib import Path

from remit.folders import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def links(document: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", document.read_text())
    return [link.partition("#")[0] for link in found if not link.startswith(("http", "#", "mailto:"))]


def test_every_link_between_documents_leads_somewhere() -> None:
    dead = [f"{d.relative_to(ROOT)}: {link}" for d in DOCUMENTS for link in links(d) if not (d.parent / link).exists()]
    assert not dead


def test_every_document_named_in_the_code_exists() -> None:
    sources = [p for folder in ("billing", "assistant", "actions", "webhook", "worker", "sandbox", "remit", "bot")
               for p in (ROOT / folder).rglob("*.py") if ".venv" not in p.parts]  # fmt: skip
    named = {(p, doc) for p in sources for doc in re.findall(r"docs/[a-z0-9/-]+\.md", p.read_text())}
    assert not [f"{p.relative_to(ROOT)}: {doc}" for p, doc in named if not (ROOT / doc).exists()]


def test_every_decision_is_listed_in_the_architecture() -> None:
    listed = (ROOT / "docs" / "architecture.md").read_text()
    assert not [adr.name for adr in (ROOT / "docs" / "adr").glob("*.md") if f"adr/{adr.name}" not in listed]


def test_every_target_that_the_readme_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    written = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"(?:^|`(?:[A-Z_]+=\S+ )*)make ([a-z]+)", written, re.MULTILINE))
    assert "demo" in named and named <= targets


def test_every_kind_of_matter_that_an_operator_can_get_is_explained() -> None:
    filed = r'(?:queue\.add|_ask_operator)\(\s*session,\s*"([a-z_]+)"'
    chosen = r'\bkind = f?"([a-z_{}]+)" if .* else f?"([a-z_{}]+)"'  # by a compare, which files it a line later
    found = set()
    for source in (p for folder in ("billing", "assistant") for p in (ROOT / folder).rglob("*.py")):
        found |= set(re.findall(filed, source.read_text()))
        if source.stem.endswith("_comparison"):
            found |= {kind for kinds in re.findall(chosen, source.read_text()) for kind in kinds}
    kinds = {kind.replace("{what}", what) for kind in found for what in ("refund", "dispute")}
    assert {"too_old", "captured_twice", "booked_differs", "dispute_not_there", "not_closed"} <= kinds
    written = (ROOT / "docs" / "operator.md").read_text()
    assert not sorted(kind for kind in kinds if f"`{kind}`" not in written)
