from __future__ import annotations

from pathlib import Path

from tests.bot.conftest import ROOT, run_bot


def test_the_report_shows_figures_calibration_confusion_and_the_worst_rows(model: Path) -> None:
    assert model.exists()
    done = run_bot("report")
    assert done.returncode == 0, done.stderr
    page = (ROOT / "var" / "nlu-report.html").read_text("utf-8")
    assert model.name in page
    assert all(f"<h2>{part}</h2>" in page for part in ("Calibration", "By intent", "Confusion", "The worst 50"))
    assert page.count("<circle") >= 5
    assert page.split("<h2>The worst 50</h2>")[1].count("<tr>") == 50 + 1
