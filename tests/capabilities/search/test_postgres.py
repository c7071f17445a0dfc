"""PostgreSQL of any locale, a role that may do little, and transactions that nothing disturbs."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextvars import Context
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from sqlstore.capabilities.search.indexing import index_pending, states
from sqlstore.stores.support import Support

from .conftest import ANN, GROUP, execute, found, furnish, index, without_schema

TEXTS = {
    "Мой заказ ещё не пришёл": ["заказы", "пришел", '"не пришёл"'],
    "สวัสดีครับ ผมชื่อสม": ["ชื่อ", "ส", "สวัสดี ชื่อ"],
    "안녕하세요 학교에 갑니다": ["학교", "학교는", "안녕"],
    "東京都に行きました": ["京都", "東", "行き"],
    "订单还没有到": ["订单", "没有"],
    "İstanbul STRASSE straße": ["istanbul", "strasse"],
}


@pytest.fixture
async def plain_database(postgres_server: str) -> AsyncIterator[str]:
    """URL of a database with LC_CTYPE C, for a role that may only create tables in a schema of its own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    address = urlsplit(postgres_server)
    server = await asyncpg.connect(postgres_server)
    try:
        await server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'plain'")
        await server.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        inside = await asyncpg.connect(urlunsplit(address._replace(path=f"/{name}")))
        await inside.execute(
            f"REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE SCHEMA own; GRANT USAGE, CREATE ON SCHEMA own TO {name}"
        )
        await inside.close()
        host = address.netloc.rpartition("@")[2]
        query = "&".join(part for part in (address.query, "schema=own") if part)
        yield urlunsplit(address._replace(netloc=f"{name}:plain@{host}", path=f"/{name}", query=query))
    finally:
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.execute(f"DROP ROLE IF EXISTS {name}")
        await server.close()


async def test_any_language_in_a_database_of_no_locale_by_a_role_of_no_rights(plain_database: str) -> None:
    async with Support.open(plain_database) as desk:
        await furnish(desk)
        assert await desk.driver.fetch(
            "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ) == [(False, False)]
        ids = {}
        for number, text in enumerate(TEXTS):
            ids[text] = (await desk.messages.append(number, GROUP, ANN, text)).id
        for _ in range(2):
            for text, queries in TEXTS.items():
                for words in queries:
                    assert await found(desk, words) == [ids[text]], words
            await index(desk)
        extensions = await desk.driver.fetch("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")
        assert extensions == []


@pytest.mark.parametrize("engine", ["postgres"])
async def test_indexing_makes_no_serializable_transaction_fail(desk: Support) -> None:
    message = await desk.messages.append(1, GROUP, ANN, "first")
    await index(desk)
    async with desk.transaction() as tx:
        await tx.messages.edit(GROUP, 1, "second")
        assert (await tx.messages.search("second")).hits
        other = asyncio.create_task(_write_and_index(desk))
        await other
        await tx.messages.append(3, GROUP, ANN, "third")
        assert [hit.row.id for hit in (await tx.messages.search("second")).hits] == [message.id]
    assert await found(desk, "second") == [message.id]
    await index(desk)


async def _write_and_index(desk: Support) -> None:
    async def work() -> None:
        await desk.messages.append(2, GROUP, ANN, "meanwhile")
        assert await index_pending(desk.driver, "messages") == 1

    await asyncio.get_running_loop().create_task(work(), context=Context())


@pytest.mark.parametrize("engine", ["postgres"])
async def test_a_transaction_that_began_before_search_was_switched_on_is_found(url: str) -> None:
    async with Support.open(url, search=False) as off:
        await furnish(off)
        for end in ("COMMIT", "ROLLBACK"):
            writer = await asyncpg.connect(without_schema(url))
            schema = url.partition("schema=")[2]
            await writer.execute(
                f'SET search_path = "{schema}"; BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1'
            )
            await writer.execute("SELECT count(*) FROM users")  # its view of the database is fixed now
            async with Support.open(url) as desk:
                await writer.execute(
                    f"INSERT INTO messages (telegram_id, chat_id, text) VALUES (1, {GROUP}, 'late word'); {end}"
                )
                assert await found(desk, "late") == ([1] if end == "COMMIT" else [])
                await index(desk)
                assert await found(desk, "late") == ([1] if end == "COMMIT" else [])
            await writer.close()
            await execute(off, "DELETE FROM messages")
            async with Support.open(url, search=False):
                pass


@pytest.mark.parametrize("engine", ["postgres"])
async def test_a_role_that_owns_no_table_writes_and_switches_search_on(
    url: str, postgres_server: str
) -> None:
    async with Support.open(url, search=False) as owner:
        await furnish(owner)
        name, schema = f"test_{uuid.uuid4().hex[:12]}", url.partition("schema=")[2]
        for sql in (
            f"CREATE ROLE {name} LOGIN",
            f'GRANT USAGE ON SCHEMA "{schema}" TO {name}',
            f'GRANT ALL ON ALL TABLES IN SCHEMA "{schema}" TO {name}',
        ):
            await execute(owner, sql)
        try:
            address = urlsplit(url)
            host = address.netloc.rpartition("@")[2]
            theirs = urlunsplit(address._replace(netloc=f"{name}@{host}"))
            if address.password:
                pytest.skip("the server wants a password; use one that trusts local connections")
            async with Support.open(theirs, migrate=False) as desk:
                await desk.messages.append(1, GROUP, ANN, "hello")
                assert len((await desk.messages.search("hello")).hits) == 1
            async with Support.open(url) as switched_on, Support.open(theirs, migrate=False) as desk:
                await desk.messages.append(2, GROUP, ANN, "hello again")
                assert len((await desk.messages.search("hello")).hits) == 2
                await index(desk)
                assert {state.version for state in await states(desk.driver)} == {
                    state.version for state in await states(switched_on.driver)
                }
        finally:
            await execute(owner, f"DROP OWNED BY {name}")
            await execute(owner, f"DROP ROLE {name}")
