"""A search sees what was written before it: appended, edited, deleted, indexed already or not."""

import random

import pytest

from sqlstore.capabilities.search.indexing import (
    BATCH_ROWS,
    INDEXED_BYTES,
    indexed_part,
    waiting,
)
from sqlstore.capabilities.search.searching import MOST_PENDING
from sqlstore.engine.errors import InvalidValue
from sqlstore.stores.support import Support

from .conftest import ANN, BOB, GROUP, PRIVATE, execute, found, index, words


async def pending(desk: Support) -> int:
    return len([row for row in await waiting(desk.driver, "messages", 10_000) if row.id is not None])


@pytest.mark.parametrize("indexed", [False, True])
async def test_what_is_written_is_found_at_once(desk: Support, indexed: bool) -> None:
    message = await desk.messages.append(1, GROUP, ANN, "The engine does not start")
    if indexed:
        await index(desk)
    assert await found(desk, "engines") == [message.id]
    await desk.messages.edit(GROUP, 1, "It runs again")
    assert await found(desk, "engine") == []
    assert await found(desk, "run") == [message.id]


async def test_an_edit_leaves_no_old_word_in_the_index(desk: Support) -> None:
    await desk.messages.append(1, GROUP, ANN, "a secret plan")
    await index(desk)
    assert "secret" in await words(desk)
    await desk.messages.edit(GROUP, 1, "nothing at all")
    await desk.messages.edit(GROUP, 1, None)
    await desk.messages.edit(GROUP, 1, "a public plan")
    await index(desk)
    assert await words(desk) == {"a", "public", "plan"}


async def test_who_is_deleted_leaves_no_word_in_the_index(desk: Support) -> None:
    await desk.messages.append(1, GROUP, ANN, "indexed, then deleted")
    await index(desk)
    await desk.messages.append(2, GROUP, ANN, "deleted before it was indexed")
    await desk.messages.append(3, GROUP, BOB, "stays")
    await execute(desk, f"DELETE FROM users WHERE id = {ANN}")
    assert await found(desk, "deleted") == []
    await index(desk)
    assert await words(desk) == {"stays"}


async def test_a_second_delivery_changes_nothing_in_the_index(desk: Support) -> None:
    message = await desk.messages.append(1, GROUP, ANN, "hello")
    await index(desk)
    assert await desk.messages.append(1, GROUP, ANN, "hello again") == message
    assert await found(desk, "hello") == [message.id]
    await index(desk)
    assert await words(desk) == {"hello"}


async def test_a_chat_has_its_own_hits(desk: Support) -> None:
    group = await desk.messages.append(1, GROUP, ANN, "tea")
    private = await desk.messages.append(1, PRIVATE, ANN, "tea")
    post = await desk.messages.append(2, GROUP, None, "tea")
    for _ in range(2):  # pending, then indexed
        assert await found(desk, "tea", chat_id=GROUP) == [post.id, group.id]
        assert await found(desk, "tea", chat_id=PRIVATE) == [private.id]
        assert await found(desk, "tea", user_id=ANN) == [private.id, group.id]
        assert await found(desk, "tea", user_id=ANN, chat_id=GROUP) == [group.id]
        assert await found(desk, "tea", user_id=BOB) == []
        assert await found(desk, "tea", chat_id=GROUP // 10) == []
        await index(desk)
    await execute(desk, f"UPDATE messages SET chat_id = {PRIVATE}, telegram_id = 9 WHERE id = {post.id}")
    for _ in range(2):
        assert await found(desk, "tea", chat_id=GROUP) == [group.id]
        assert await found(desk, "tea", chat_id=PRIVATE) == [post.id, private.id]
        await index(desk)


async def test_an_id_that_moves_takes_its_words_along(desk: Support) -> None:
    message = await desk.messages.append(1, GROUP, ANN, "movable")
    await index(desk)
    await execute(desk, f"UPDATE messages SET id = 1000 WHERE id = {message.id}")
    assert await found(desk, "movable") == [1000]
    await index(desk)
    assert await found(desk, "movable") == [1000]


async def test_a_transaction_searches_its_own_rows(desk: Support) -> None:
    old = await desk.messages.append(1, GROUP, ANN, "kept words")
    await index(desk)
    with pytest.raises(ZeroDivisionError):
        async with desk.transaction() as tx:
            new = await tx.messages.append(2, GROUP, ANN, "more words")
            await tx.messages.edit(GROUP, 1, "changed")
            result = await tx.messages.search("words")
            assert [hit.row for hit in result.hits] == [new]
            assert (await tx.messages.search("changed")).hits
            raise ZeroDivisionError
    assert await found(desk, "words") == [old.id]
    await index(desk)
    assert await words(desk) == {"kept", "words"}


async def test_a_transaction_that_searches_many_pending_rows_writes_nothing(desk: Support) -> None:
    async with desk.transaction() as tx:
        for number in range(MOST_PENDING + 20):
            await tx.messages.append(number, GROUP, ANN, f"word {number}")
        result = await tx.messages.search("word", limit=200)
        assert (len(result.hits), result.complete) == (MOST_PENDING + 20, True)
    assert await pending(desk) == MOST_PENDING + 20


async def test_many_pending_rows_are_indexed_by_the_search_that_meets_them(desk: Support) -> None:
    rows = 2 * BATCH_ROWS + 3
    async with desk.transaction() as tx:
        for number in range(rows):
            await tx.messages.append(number, GROUP, ANN, f"word w{number}")
    assert await found(desk, "w7") == [8]
    assert await pending(desk) == 0
    assert len(await found(desk, "word")) == 200


async def test_the_next_page_begins_where_the_last_ended(desk: Support) -> None:
    for number in range(50):
        await desk.messages.append(number, GROUP, ANN, "same")
        if number == 30:
            await index(desk)
    ids, before = [], None
    while True:
        result = await desk.messages.search("same", order="newest", limit=7, before=before)
        if not result.hits:
            break
        ids += [hit.row.id for hit in result.hits]
        before = ids[-1]
    assert ids == list(range(50, 0, -1))


async def test_only_the_beginning_of_a_very_long_text_is_searched(desk: Support) -> None:
    long = "ก" * (INDEXED_BYTES // 3 - 2) + " start ends far away" * 10
    await desk.messages.append(1, GROUP, ANN, long)
    for _ in range(2):
        (hit,) = (await desk.messages.search("กกก")).hits
        assert hit.cut
        assert await found(desk, "far") == []
        await index(desk)
    assert indexed_part(long) == indexed_part(long.encode())
    assert len(indexed_part(long).encode()) <= INDEXED_BYTES


async def test_a_text_of_many_different_words_is_indexed(desk: Support) -> None:
    """PostgreSQL refuses more than 1 MB of words in a row, which must not hold up the others."""
    expanding = " ".join(f"{number}\ufdfa" for number in range(30_000))
    await desk.messages.append(1, GROUP, ANN, expanding)
    await desk.messages.append(2, GROUP, ANN, "after it")
    await index(desk)
    assert await found(desk, "after") == [2]


@pytest.mark.parametrize(
    ("words_given", "options"),
    [
        (None, {}),
        (b"x", {}),
        ("x", {"limit": 0}),
        ("x", {"limit": "1"}),
        ("x", {"order": "oldest"}),
        ("x", {"before": 2**63}),
        ("x", {"chat_id": 1.5}),
        ("x", {"chat_id": b'" OR "'}),
        ("x", {"user_id": True}),
    ],
)
async def test_what_cannot_be_searched_is_refused(desk: Support, words_given: object, options: dict) -> None:
    with pytest.raises(InvalidValue):
        await desk.messages.search(words_given, **options)


async def test_the_index_follows_anything_that_happens(desk: Support) -> None:
    """200 random changes, some indexed in between; the index then holds exactly the words of the texts."""
    chance = random.Random(1)
    vocabulary = ["tea", "coffee", "ชา", "กาแฟ", "커피", "чай", "кофе", "お茶", "茶", "running"]
    texts: dict[int, str] = {}
    for step in range(200):
        kind = chance.choice(["append", "append", "append", "edit", "delete", "move", "index"])
        text = " ".join(chance.choices(vocabulary, k=3))
        some = chance.choice([*texts, 0])
        if kind == "append":
            message = await desk.messages.append(step, chance.choice([GROUP, PRIVATE]), ANN, text)
            texts[message.id] = text
        elif kind == "edit" and some:
            await execute(desk, f"UPDATE messages SET text = '{text}' WHERE id = {some}")
            texts[some] = text
        elif kind == "delete" and some:
            await execute(desk, f"DELETE FROM messages WHERE id = {some}")
            del texts[some]
        elif kind == "move" and some:
            await execute(desk, f"UPDATE messages SET id = {10_000 + step} WHERE id = {some}")
            texts[10_000 + step] = texts.pop(some)
        elif kind == "index" and chance.random() < 0.3:
            await index(desk)
        word = chance.choice(vocabulary)
        expected = sorted((key for key, text in texts.items() if word in text.split()), reverse=True)
        assert await found(desk, f'"{word}"' if word == "running" else word) == _with_longer(
            word, texts, expected
        )
    await index(desk)


def _with_longer(word: str, texts: dict[int, str], expected: list[int]) -> list[int]:
    """茶 is found inside お茶 too."""
    if word != "茶":
        return expected
    return sorted((key for key, text in texts.items() if "茶" in text), reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 20])
async def test_hits_are_found_however_far_apart_their_rows_are(desk: Support, limit: int) -> None:
    """An index that is asked for the newest part of a table first goes on to the rest."""
    ids = [-(2**40), -8_193, 5, 8_191, 8_192, 131_071, 131_072, 140_000, 5_000_000, 2**40]
    others = [row + more for row in (-(2**40), 5, 140_000, 5_000_000, 2**40) for more in range(1, 30)]
    rows = [(row, "parcel late") for row in ids] + [(row, "something else") for row in others]
    values = ", ".join(f"({row}, {number}, {GROUP}, '{text}')" for number, (row, text) in enumerate(rows))
    await execute(desk, f"INSERT INTO messages (id, telegram_id, chat_id, text) VALUES {values}")
    await index(desk)
    newest = sorted(ids, reverse=True)
    for query in ("parcel", "parcels", "par*", '"parcel late"'):
        for before in (None, 2**40, 5_000_000, 140_000, 131_072, 5, -8_193):
            wanted = [row for row in newest if before is None or row < before][:limit]
            hits = (await desk.messages.search(query, order="newest", limit=limit, before=before)).hits
            assert [hit.row.id for hit in hits] == wanted, (query, before)
        hits = (await desk.messages.search(query, order="newest", limit=limit, chat_id=GROUP)).hits
        assert [hit.row.id for hit in hits] == newest[:limit], query
