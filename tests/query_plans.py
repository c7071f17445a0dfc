"""How a database would run a named query."""

import re

from sqlstore.store import Store


async def plan(store: Store, table: str, query: str, *arguments: str) -> str:
    """The plan of a named query. arguments: SQL literals, which only PostgreSQL's planner looks at."""
    sql = getattr(store._queries.table(table), query).sql
    if store.driver.engine == "sqlite":
        rows = await store.driver.fetch(f"EXPLAIN QUERY PLAN {sql.replace('?', '1')}")
        return "\n".join(str(row[-1]) for row in rows)
    sql = re.sub(r"\$(\d+)", lambda found: arguments[int(found[1]) - 1], sql)
    return "\n".join(str(row[0]) for row in await store.driver.fetch(f"EXPLAIN {sql}"))
