"""The page with charts, as text and in a real browser."""

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import pytest

from sqlstore.capabilities.statistics import Statistics
from sqlstore.engine.errors import StorageFull
from sqlstore.statistics.page import page, write_page
from sqlstore.stores import STORES, load_store
from tests.capabilities.statistics.populated import populate
from tests.statistics.chromium import Text, browse, measure, without_policy

READABLE_PX = 11
CONTRAST = 4.5


async def made(
    name: str, folder: Path, days: int = 30, size: int = 600, timezone: str = "Asia/Kathmandu"
) -> Statistics:
    async with load_store(name).open(f"sqlite:///{folder / name}.db") as store:
        if size:
            await populate(store, size=size)
        return await store.statistics(days, timezone=timezone)


class Outline(HTMLParser):
    """The elements of a page with their attributes, and the text in each kind."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


@pytest.mark.parametrize("name", sorted(STORES))
async def test_words_of_users_are_text_and_nothing_else(name: str, tmp_path: Path) -> None:
    statistics = await made(name, tmp_path)
    outline = Outline(page(statistics))
    assert outline.count("script") == 0
    if name in ("chatbot", "conversations", "support"):
        assert any(text.startswith("<script>") for text in outline.texts)


async def test_a_page_names_nothing_that_it_would_have_to_load(tmp_path: Path) -> None:
    for name in STORES:
        text = page(await made(name, tmp_path))
        for tag, attributes in Outline(text).elements:
            assert tag not in ("script", "link", "img", "iframe", "object", "embed", "base", "form"), tag
            assert not {"src", "href", "xlink:href", "srcset", "style", "onload"} & set(attributes)
        assert "@import" not in text
        assert "url(" not in text
        assert set(re.findall(r"https?://[^\"'\s<]*", text)) <= {
            "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink",
        }  # fmt: skip


async def test_a_page_says_what_it_is_of(tmp_path: Path) -> None:
    statistics = await made("support", tmp_path)
    outline = Outline(page(statistics))
    said = " ".join(outline.texts)
    assert f"support: statistics of {statistics.last_day}" in said
    assert f"{statistics.first_day} to {statistics.last_day}, of Asia/Kathmandu" in said
    assert str(tmp_path / "support.db") in said
    assert ("html", {"lang": "en"}) in outline.elements
    (moment,) = [attributes["datetime"] for tag, attributes in outline.elements if tag == "time"]
    assert moment is not None
    assert moment.endswith("+05:45")


async def test_every_section_has_its_table_beside_the_chart(tmp_path: Path) -> None:
    for name in STORES:
        statistics = await made(name, tmp_path)
        outline = Outline(page(statistics))
        tables = [section for section in statistics.sections if section.__class__.__name__ != "Counters"]
        assert outline.count("table") == len(tables)
        labels = [attributes.get("aria-label") for tag, attributes in outline.elements if tag == "svg"]
        assert len(labels) >= 4
        assert all(attributes["role"] == "img" for tag, attributes in outline.elements if tag == "svg")
        for section in tables:
            assert any(section.title in text for text in outline.texts)


async def test_no_password_is_on_a_page(postgres_url: str) -> None:
    async with load_store("lessons").open(
        postgres_url.replace("//postgres@", "//postgres:canary-77@")
    ) as store:
        assert "canary-77" not in page(await store.statistics(2))


async def test_an_empty_store_has_a_page(tmp_path: Path) -> None:
    for name in STORES:
        outline = Outline(page(await made(name, tmp_path, size=0)))
        assert "Nothing is stored here yet." in outline.texts
        assert outline.count("svg") == 0
        assert "Nothing yet." in outline.texts
        assert "Nothing in these days." in outline.texts


@pytest.mark.parametrize("days", [1, 2, 93, 3_660])
async def test_any_number_of_days_is_drawn(days: int, tmp_path: Path) -> None:
    afternoon = (
        "UTC" if datetime.now(UTC).hour >= 12 else "Etc/GMT-12"
    )  # a day that has just begun has nothing
    text = page(await made("chatbot", tmp_path, days=days, timezone=afternoon))
    assert text.count("<svg") >= 8


async def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    statistics = await made("lessons", tmp_path)
    file = tmp_path / "new" / "report.html"
    write_page(file, statistics)
    assert file.read_text(encoding="utf-8") == page(statistics)
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("the older one")
    monkeypatch.setattr(
        "sqlstore.engine.files.os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(StorageFull, match="no room"):
        write_page(file, statistics)
    assert file.read_text() == "the older one"
    assert [path.name for path in file.parent.iterdir()] == ["report.html"]


def channels(colour: str) -> list[float]:
    return [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]


def luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def overlap(one: Text, other: Text) -> bool:
    (left, top, right, bottom), (left2, top2, right2, bottom2) = one.box, other.box
    return min(right, right2) - max(left, left2) > 1 and min(bottom, bottom2) - max(top, top2) > 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "days", "width", "scheme"),
    [
        ("assistant", 30, 375, "light"),
        ("chatbot", 30, 375, "dark"),
        ("chatbot", 366, 375, "light"),
        ("conversations", 7, 375, "dark"),
        ("lessons", 30, 375, "light"),
        ("support", 30, 375, "light"),
        ("support", 92, 1400, "dark"),
    ],
)
async def test_a_browser_shows_it_readably(
    name: str, days: int, width: int, scheme: str, tmp_path: Path
) -> None:
    statistics = await made(name, tmp_path, days=days)
    seen = measure(page(statistics), tmp_path, width=width, scheme=scheme)
    assert seen.width == width
    assert seen.scroll <= width
    assert seen.small >= READABLE_PX
    assert (luminance(seen.background) < 0.2) == (scheme == "dark")
    assert contrast(seen.ink, seen.card) >= 7
    assert len(seen.charts) >= 6
    for chart in seen.charts:
        left, top, right, bottom = chart.box
        assert right - left > 280, chart.label
        assert bottom - top > 60
        assert right <= width
        assert chart.bars
        assert all(contrast(bar, seen.card) >= 3 for bar in chart.bars if "0.25" not in bar)
        for text in chart.texts:
            assert text.size >= READABLE_PX, text
            assert contrast(text.fill, seen.card) >= CONTRAST, text
            assert text.box[0] >= left - 1, (chart.label, text)
            assert text.box[2] <= right + 1, (chart.label, text)
        for one, other in combinations(chart.texts, 2):
            assert not overlap(one, other), (chart.label, one.text, other.text)


@pytest.mark.slow
async def test_an_empty_page_fits_too(tmp_path: Path) -> None:
    seen = measure(page(await made("assistant", tmp_path, size=0)), tmp_path)
    assert seen.scroll <= seen.width
    assert seen.charts == []


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A web server, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
async def test_nothing_leaves_the_page_whatever_gets_into_it(tmp_path: Path) -> None:
    text = page(await made("support", tmp_path))
    with listening() as (address, asked):
        smuggled = (
            f'<img src="{address}/image"><script src="{address}/code"></script>'
            f'<script>document.title = "ran"; fetch("{address}/data")</script>'
        )
        with_them = text.replace("</main>", smuggled + "</main>")
        document = browse(with_them, tmp_path)
        assert asked == []
        assert "<title>ran</title>" not in document
        browse(without_policy(with_them), tmp_path)
        assert {"/image", "/code", "/data"} <= set(asked)
