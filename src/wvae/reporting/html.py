"""Turn a run folder into one page, ``report.html``, with all pictures and sounds inside."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from ..evaluation.clustering import GMM_FLOOR
from ..io.files import atomic
from ..workflows.run_folder import FIGURE_DPI
from .glossary import TERMS
from .overview import of_data_sets, of_experiments
from .summary import verdict_of
from .tables import (
    ARTICLE_WRITERS,
    Metrics,
    Settings,
    data_set_rows,
    gains_of_z_rest,
    is_comparable,
    panel_values,
    plane_rows,
    with_prefix,
    writer_rows,
)

CSS_PIXELS = 130  # on a screen for an inch in print, so that 8 points are as large as the text
PNG_SIZE = slice(16, 24)  # place of width and height in a PNG file


@dataclass(frozen=True)
class Picture:
    """A picture as text, and its size on the page in CSS pixels."""

    data: str
    width: int
    height: int


def write_report(folder: Path, settings: Settings, metrics: Metrics) -> Path:
    """Write ``report.html`` of the article's experiments into a run folder, and return its path.

    Every number on the page comes from `metrics`.

    Parameters
    ----------
    folder
        The run folder; every picture in its ``figures`` goes onto the page.
    settings, metrics
        The contents of the run's ``config.json`` and ``metrics.json``.
    """
    panels = {name: panel_values(name, settings, metrics) for name in ("plane", "writers")}
    return _render(
        folder,
        "report.html.j2",
        settings=settings,
        metrics=metrics,
        overview=of_experiments(settings, metrics),
        plane=plane_rows(settings, metrics),
        writers=writer_rows(metrics),
        above=gains_of_z_rest(metrics),
        panels=panels,
        article_writers=ARTICLE_WRITERS if is_comparable(settings) else None,
        gmm_floor=GMM_FLOOR,
    )


def write_worlds(
    folder: Path, settings: Settings, metrics: Metrics, factors: dict[str, str]
) -> Path:
    """Write ``report.html`` that compares several data sets into a run folder; return its path.

    Every number on the page comes from `metrics`.

    Parameters
    ----------
    folder
        The run folder; its pictures and sounds go onto the page. Sounds are named
        ``sounds/<data set>/<group>-<position>-<description>.wav``.
    settings, metrics
        The contents of the run's ``config.json`` and ``metrics.json``.
    factors
        The hidden factor of each data set, by the data set's name.
    """
    data_sets: list[dict[str, Any]] = []
    for data in settings["data"]:
        name, label = data["name"], data["label_name"]
        values = with_prefix(f"{name}.", metrics)
        data_sets.append(
            {
                "name": name,
                "data": data,
                "label": label,
                "factor": factors[name],
                "metrics": values,
                "verdict": verdict_of(name, values, label),
                "sounds": _sounds(folder / "sounds" / name),
            }
        )
    return _render(
        folder,
        "worlds.html.j2",
        settings=settings,
        metrics=metrics,
        overview=of_data_sets(data_sets),
        data_sets=data_sets,
        rows=data_set_rows(data_sets),
    )


def _sounds(folder: Path) -> list[list[tuple[str, str]]]:
    """Return the groups of sounds in a folder, each sound as its description and base64 text."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.glob("*.wav")):
        group, _, description = path.stem.split("-", 2)
        groups.setdefault(group, []).append((description, _base64(path.read_bytes())))
    return list(groups.values())


def _picture(path: Path) -> Picture:
    """Return a PNG file for the page."""
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[PNG_SIZE])
    scale = CSS_PIXELS / FIGURE_DPI
    return Picture(_base64(content), max(1, round(width * scale)), max(1, round(height * scale)))


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _render(folder: Path, template: str, **values: Any) -> Path:
    """Write ``report.html`` from a template, atomically."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("wvae.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Figures and tables are numbered in the order of the page.
    values |= {"next_figure": count(1).__next__, "next_table": count(1).__next__, "terms": TERMS}
    pictures = {path.stem: _picture(path) for path in (folder / "figures").glob("*.png")}
    page = environment.get_template(template).render(pictures=pictures, **values)
    path = folder / "report.html"
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path
