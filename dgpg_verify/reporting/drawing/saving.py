"""Figures into files and into the page: SVG and PNG beside each other, and an SVG text to put into HTML."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections import Counter
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from dgpg_verify.reporting.drawing.look import BAND, GRID, INK, MUTED, styled
from dgpg_verify.runs.files import write_atomic

DISPUTE = "Dispute it: "  # how the last line of a figure begins
MANY = 700  # dots beyond which a figure keeps them as pixels
MIDDLE = "#8a93a3"  # in place of ink in pixels, which do not follow the scheme: seen on light and on dark
COLOURS = 64  # of such pixels, shades of opacity among them
_TONES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", BAND: "--band", "#ffffff": "--paper"}


def svg_text(figure: Figure, salt: str) -> str:
    """The figure as SVG; the same figure and salt give the same bytes."""
    buffer = io.StringIO()
    many_as_pixels(figure)
    with styled(), matplotlib.rc_context({"svg.hashsalt": salt}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    return slim(buffer.getvalue())


def many_as_pixels(figure: Figure, most: int = MANY) -> None:
    """Keep the dots of a figure as pixels if all its panels together hold more than `most`: as paths they would be
    nearly all of a page's bytes."""
    artists = (artist for artist in figure.findobj(PathCollection) if artist.get_gid() == "replicates")
    found = [artist for artist in artists if isinstance(artist, PathCollection)]
    if sum(len(np.asarray(dots.get_offsets())) for dots in found) > most:
        for dots in found:
            dots.set_rasterized(True)
            faces = np.asarray(dots.get_facecolor())
            if len(faces) and to_hex(tuple(faces[0])) == INK:
                dots.set_facecolor(MIDDLE)


def slim(svg: str) -> str:
    """The same picture in fewer bytes: rounded coordinates, few colours in pixels, a dot's style once per run of equal
    dots, lines of one style in one path, short ids where any, no group of one, no blanks between elements or in a path.
    """
    svg = re.sub(r"(?<=base64,)[^\"]*", lambda match: _few_colours(match[0]), svg)
    svg = re.sub(r'(?<= [xyd]=")[^"]*', lambda match: _rounded(match[0]), svg)
    svg = re.sub(r'(?<= d=")[^"]*', lambda match: re.sub(r"\s*([A-Za-z])\s*", r"\1", match[0]).strip(), svg)
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)

    svg = svg.replace('id="replicates"', 'class="replicates"')  # many groups of dots, and an id must be unique
    refers = r'(?<=href="#)[^"]+|(?<=url\(#)[^)]+'
    short = {name: f"i{k}" for k, name in enumerate(dict.fromkeys(re.findall(refers, svg)))}
    svg = re.sub(r' id="([^"]+)"', lambda match: f' id="{short[match[1]]}"' if match[1] in short else "", svg)
    svg = re.sub(refers, lambda match: short[match[0]], svg)
    svg = re.sub(r"<g/>", "", svg)
    svg = re.sub(r"<g>\s*(<text[^>]*>[^<]*</text>|<path[^>]*/>)\s*</g>", r"\1", svg)
    svg = re.sub(r">\s*\n\s*<", ">\n<", svg)

    def merge(match: re.Match[str]) -> str:
        style = match["style"]
        return f'<g style="{style}">' + match[0].replace(f' style="{style}"', "") + "</g>"

    dot = r'<use xlink:href="#\w+" x="[^"]*" y="[^"]*" style="'
    svg = re.sub(rf'{dot}(?P<style>[^"]*)"/>(?:\s*{dot}(?P=style)"/>)+', merge, svg)
    line = r'<path d="[^"]*"'
    svg = re.sub(rf'{line}(?P<rest>[^>]* style="fill: none[^"]*"/>)(?:\s*{line}(?P=rest))+', _one_path, svg)
    return _classed(svg)


def _few_colours(png: str) -> str:
    """A picture of dots, in base64, with a palette: a third of the bytes."""
    picture, packed = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE).save(packed, "PNG", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def _rounded(numbers: str) -> str:
    """Coordinates to 1/10 pt, less than a pixel of the page; the curves of a mark, a few pt wide, to 1/100."""
    digits = 2 if "C" in numbers else 1
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):z.{digits}f}".rstrip("0").rstrip("."), numbers)


def _one_path(lines: re.Match[str]) -> str:
    ways = "".join(re.findall(r' d="([^"]*)"', lines[0]))
    return f'<path d="{ways}"{lines["rest"]}'


def _classed(svg: str) -> str:
    """Styles that stand more than twice become classes. A class is named by what it says, so that pictures on one page
    cannot disagree."""
    rules = []
    for style, count in Counter(re.findall(r' style="([^"]+)"', svg)).items():
        if count > 2:
            name = f"s{hashlib.sha256(style.encode()).hexdigest()[:8]}"
            svg = svg.replace(f' style="{style}"', f' class="{name}"')
            rules.append(f".{name}{{{style}}}")
    return svg.replace("</style>", "\n".join(["", *rules, "</style>"]), 1)


def png_bytes(figure: Figure, dpi: int = 100) -> bytes:
    """The figure as PNG on white."""
    buffer = io.BytesIO()
    with styled():
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        figure.set_facecolor("white")
        canvas.print_png(buffer, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
        figure.set_facecolor("none")
    return buffer.getvalue()


def save_figure(figure: Figure, folder: Path, key: str) -> tuple[Path, Path, str]:
    """Write `folder`/key.svg and key.png, each whole or not at all; returns both paths and the SVG text."""
    svg = svg_text(figure, key)
    on_white = svg.replace("<defs>", '<rect width="100%" height="100%" fill="white"/>\n <defs>', 1)
    return (
        write_atomic(folder / f"{key}.svg", on_white),
        write_atomic(folder / f"{key}.png", png_bytes(figure)),
        svg,
    )


def inline_svg(svg: str, key: str, description: str) -> str:
    """SVG for an HTML page: no outside names, ids made unique by `key`, neutral tones left to the page's scheme, no
    command that disputes it: the page has it below."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    body = re.sub(rf"<text[^>]*>{DISPUTE}[^<]*</text>", "", body)
    body = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", body)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', body)
    body = re.sub(r'(?:xlink:)?(href="#|url\(#)', rf"\g<1>{key}-", body)
    body = re.sub(r"font-family: [^;\"]+", "font-family: var(--sans)", body)
    body = re.sub(r"font: ([^;\"']*?)'DejaVu Sans'[^;\"]*", r"font: \1var(--sans)", body)
    for tone, name in _TONES.items():
        body = body.replace(tone, f"var({name}, {tone})")
    body = re.sub(r' width="[^"]*pt"', "", body, count=1)
    body = re.sub(r' height="[^"]*pt"', "", body, count=1)
    text = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return body.replace("<svg", f'<svg role="img" aria-label="{text}"', 1)
