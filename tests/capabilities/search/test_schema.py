"""What search adds to the schema: the same in every store, and gone after the way down."""

import pytest
from search_objects import is_of_search

from sqlstore.capabilities.search.maintenance import complete
from sqlstore.migrations import down, migrate
from sqlstore.store import Store
from sqlstore.stores import load_store

TABLES = {
    "assistant": ["commands", "llm_answers"],
    "chatbot": ["messages", "faqs"],
    "conversations": ["messages"],
    "lessons": ["messages"],
    "support": ["messages", "knowledge_entries"],
}
BEFORE_SEARCH = {"assistant": 2, "chatbot": 2, "conversations": 1, "lessons": 1, "support": 2}
"""Each store's last migration before the one that brought search."""
SHARED = {"search_state", "search_pending", "search_texts", "search_words"}
OF_SQLITE = {"search_changes", "search_entries", "search_changed", "search_extended"}
OF_POSTGRES = {"search_restarted", "search_extended", "search_index"}
OF_A_TABLE = {
    "sqlite": {"_words", "_entered", "_restarted", "_inserted", "_replaced", "_updated", "_deleted"},
    "postgres": {"_inserted", "_updated", "_deleted", "_truncated", "_noted", "_edited", "_emptied"},
}


async def objects(store: Store) -> dict[str, str]:
    """Everything in the schema but keys and FTS5's own tables, with its definition."""
    if store.driver.engine == "sqlite":
        rows = await store.driver.fetch("""
            SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT IN (
              SELECT name FROM pragma_table_list WHERE type = 'shadow'
            ) AND name NOT LIKE 'sqlite_%'""")
    else:
        rows = await store.driver.fetch("""
            SELECT relname::text, relkind::text || coalesce(pg_get_indexdef(oid), '') || (
              SELECT string_agg(attname || format_type(atttypid, atttypmod) || attstattarget, ',' ORDER BY attnum)
              FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0
            ) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind <> 'S'
              AND relname NOT LIKE '%\\_pkey'
            UNION ALL SELECT tgname::text, tgenabled::text || pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger
            JOIN pg_class ON pg_class.oid = tgrelid
            WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
            UNION ALL SELECT proname::text, pg_get_functiondef(oid) FROM pg_proc
            WHERE pronamespace = current_schema()::regnamespace""")
    return {name: sql for name, sql in rows if name != "migrations"}


@pytest.mark.parametrize("name", sorted(TABLES))
async def test_what_search_adds_is_the_same_in_every_store(name: str, url: str) -> None:
    async with load_store(name).open(url) as store:
        engine = store.driver.engine
        expected = SHARED | (OF_SQLITE if engine == "sqlite" else OF_POSTGRES)
        for table in TABLES[name]:
            expected |= {f"{table}_search"} | {f"{table}_search{part}" for part in OF_A_TABLE[engine]}
            if engine == "postgres":
                expected.add(
                    "idx_messages_content_search" if name == "conversations" else f"idx_{table}_search"
                )
        if name == "assistant":
            expected |= {"llm_answers_search_moved"} | (
                {"llm_answers_search_orphaned"} if engine == "sqlite" else set()
            )
        assert {found for found in await objects(store) if is_of_search(found)} == expected
        assert [state for (state,) in await store.driver.fetch("SELECT source FROM search_state")] == sorted(
            TABLES[name]
        )


@pytest.mark.parametrize("name", sorted(TABLES))
async def test_down_and_up_again_leave_the_same_schema(name: str, url: str) -> None:
    kind = load_store(name)
    async with kind.open(url, search=False) as store:
        before = await objects(store)
        await down(store.driver, kind.migration_source(), to=0)
        assert await objects(store) == {}
        await migrate(store.driver, kind.migration_source())
        assert await objects(store) == before


@pytest.mark.parametrize("name", sorted(TABLES))
async def test_search_goes_and_its_table_stays_as_it_was(name: str, url: str) -> None:
    kind = load_store(name)
    async with kind.open(url, search=False) as store:
        await down(store.driver, kind.migration_source(), to=BEFORE_SEARCH[name] + 1)
        with_search = await objects(store)
        await down(store.driver, kind.migration_source(), to=BEFORE_SEARCH[name])
        assert await objects(store) == {
            found: sql for found, sql in with_search.items() if not is_of_search(found)
        }


@pytest.mark.parametrize("name", sorted(TABLES))
async def test_every_trigger_runs_in_an_empty_store(name: str, url: str) -> None:
    async with load_store(name).open(url) as store:
        await complete(store.driver, TABLES[name], lambda done, total: None)
        assert await store.driver.fetch("SELECT count(*) FROM search_pending") == [(0,)]
        assert await store.driver.fetch("SELECT count(*) FROM search_words") == [(0,)]
