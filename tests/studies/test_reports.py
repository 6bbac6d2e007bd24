"""The parts of a report: tables, figures and the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from charrnn import reports
from charrnn.figures.style import new_figure
from charrnn.reports import Captioned

ROWS = [
    {"name": "one | two", "loss": 1.23456, "runs": 12_345},
    {"name": "three", "loss": None, "seconds": 1234.5},
]


def test_a_markdown_table_has_the_columns_in_order_and_escapes_bars() -> None:
    table = reports.markdown_table(ROWS, {"name": "setting", "runs": "runs", "loss": "validation"})
    assert table.splitlines() == [
        "| setting | runs | validation |",
        "| --- | --: | --: |",
        "| one \\| two | 12,345 | 1.2346 |",
        "| three |  |  |",
    ]
    assert "| --- | --- |" in reports.markdown_table(ROWS, {"name": "a", "loss": "b"}, text_columns=2)


def test_a_csv_table_has_every_key_or_those_asked_for() -> None:
    assert reports.csv_table(ROWS).splitlines() == [
        "name,loss,runs,seconds",
        "one | two,1.23456,12345,",
        "three,,,1234.5",
    ]
    assert reports.csv_table(ROWS, ["seconds", "name"]).splitlines()[1:] == [",one | two", "1234.5,three"]


def test_numbers_as_a_table_shows_them() -> None:
    assert [reports.number(value) for value in (None, 0.5, 123456.7, 1000, "text")] == [
        "", "0.5000", "123,457", "1,000", "text",
    ]  # fmt: skip


def test_the_mean_and_half_the_range() -> None:
    assert reports.mean_and_spread([1.0, 2.0, 4.0]) == (pytest.approx(7 / 3), 1.5)
    assert reports.mean_and_spread([3.0]) == (3.0, 0.0)


def test_a_report_is_a_folder_with_a_table_figures_and_a_page(tmp_path: Path) -> None:
    reports.write_table(tmp_path, ROWS)
    shown = reports.write_figures(tmp_path, {"curve": Captioned(new_figure(2, 2), "What it shows.")})
    page = reports.write_page(tmp_path, ["# Title", *shown])
    assert page.read_text() == "# Title\n\n![What it shows.](curve.png)\n\n*What it shows.*\n\n"
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "results.csv", "curve.png", "curve.svg"}


def test_the_machine_has_a_name() -> None:
    assert reports.machine()
