"""The window answers while text floods in; measured by the benchmark itself."""

from __future__ import annotations

import json

from benchmarks import gui, report

LAG_LIMIT = 50.0
"""Milliseconds, for 99 of 100 things that the main loop was to do."""


def test_the_main_loop_is_in_time_while_fifty_thousand_tokens_a_second_arrive(screen, monkeypatch):
    monkeypatch.setenv("DISPLAY", screen.display)
    figures = gui.in_a_process("api-models gui", 50_000, 2.0)
    assert figures["shown"] == 1
    assert figures["lag"] < LAG_LIMIT


def test_the_benchmark_runs_and_leaves_its_figures(screen, monkeypatch, tmp_path):
    monkeypatch.setenv("DISPLAY", screen.display)
    gui.main(["--rounds", "1", "--seconds", "0.2", "--rates", "500", "--json", str(tmp_path)])
    kept = json.loads((tmp_path / "gui.json").read_text(encoding="utf-8"))
    assert len(kept["goals"]) == 4
    assert report.read(tmp_path)[0][0].goals


def test_it_is_left_out_where_there_is_no_display(monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("PATH", "")
    gui.main([])
    assert "left out" in capsys.readouterr().out
