"""Pages in a real browser: Chromium without a window, and what it measures."""

import functools
import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

_MEASURE = """
<script>
const box = (node) => { const r = node.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
const charts = [...document.querySelectorAll("figure svg")].map((svg) => ({
  box: box(svg),
  label: svg.getAttribute("aria-label"),
  scale: svg.getBoundingClientRect().width / svg.viewBox.baseVal.width,
  bars: [...svg.querySelectorAll("rect.reactive, path.line.reactive")].map((bar) => getComputedStyle(bar).fill),
  texts: [...svg.querySelectorAll("text")].filter((text) => text.getBoundingClientRect().width > 0).map((text) => ({
    text: text.textContent, box: box(text), fill: getComputedStyle(text).fill,
    size: parseFloat(getComputedStyle(text).fontSize),
  })),
}));
const measured = {
  width: window.innerWidth, scroll: document.documentElement.scrollWidth,
  background: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
  card: getComputedStyle(document.querySelector("section")).backgroundColor,
  small: Math.min(...[...document.querySelectorAll("body *:not(svg *)")].map((node) => parseFloat(getComputedStyle(node).fontSize))),
  charts,
};
const out = document.createElement("pre");
out.id = "measured"; out.textContent = JSON.stringify(measured); parent.document.body.append(out);
</script>
"""


@dataclass(frozen=True)
class Text:
    text: str
    box: tuple[float, float, float, float]
    fill: str
    size: float


@dataclass(frozen=True)
class Chart:
    label: str
    box: tuple[float, float, float, float]
    bars: list[str]
    texts: list[Text]


@dataclass(frozen=True)
class Measured:
    """What a browser made of a page; sizes in CSS pixels."""

    width: float
    scroll: float
    background: str
    ink: str
    card: str
    small: float
    charts: list[Chart]


def without_policy(page: str) -> str:
    """The page as it would be if it were allowed to run scripts and to load things."""
    return re.sub(r"<meta http-equiv[^>]*>", "", page)


@functools.cache
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("pages are looked at with Chromium; install it: apt-get install chromium")
    return found


def browse(page: str, folder: Path, *, width: int = 1400, scheme: Literal["dark", "light"] = "light") -> str:
    """The page's document after loading, as the browser has it."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    done = subprocess.run(
        [
            chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
            f"--user-data-dir={folder / 'profile'}", f"--window-size={width},2000",
            f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
            "--virtual-time-budget=2000", "--dump-dom", file.as_uri(),
        ],
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    return done.stdout


def measure(
    page: str, folder: Path, *, width: int = 375, scheme: Literal["dark", "light"] = "light"
) -> Measured:
    """Let a browser of that width and colour scheme lay the page out."""
    framed = html.escape(without_policy(page) + _MEASURE)
    # A window is never narrower than 500 pixels; a frame is.
    phone = (
        '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<iframe style="border: 0; width: {width}px; height: 2000px" srcdoc="{framed}"></iframe>'
    )
    document = browse(phone, folder, width=width + 100, scheme=scheme)
    found = re.search(r'<pre id="measured">(.*?)</pre>', document, re.DOTALL)
    assert found is not None, document[-2_000:]
    answer = json.loads(html.unescape(found[1]))
    charts = [
        Chart(
            each["label"],
            tuple(each["box"]),
            each["bars"],
            [
                Text(one["text"], tuple(one["box"]), one["fill"], one["size"] * each["scale"])
                for one in each["texts"]
            ],
        )
        for each in answer.pop("charts")
    ]
    return Measured(**answer, charts=charts)
