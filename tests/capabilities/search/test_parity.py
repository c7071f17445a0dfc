"""Both databases find what looking at each text finds: any language, any query, however short or hostile."""

import random

from sqlstore.stores.support import Support

from . import parity


async def test_random_and_hostile_queries_find_what_looking_at_each_text_finds(url: str) -> None:
    chance = random.Random(7)
    bodies = parity.texts(chance, 250)
    async with Support.open(url) as desk:
        known = await parity.fill(desk, chance, bodies)
        assert await parity.compare(desk, chance, known, bodies, 900) > 500
        await parity.change(desk, chance, known, bodies, 30)
        await parity.compare(desk, chance, known, bodies, 100)
