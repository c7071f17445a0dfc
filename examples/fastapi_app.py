"""A support desk over HTTP; without a network its requests are scripted.  python examples/fastapi_app.py

With FastAPI (`pip install 'sqlstore[fastapi]' httpx`). For real requests: `uvicorn fastapi_app:app` in this folder.
"""

import asyncio
import os
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI, HTTPException

from sqlstore.adapters.fastapi import StoreProvider, health_router, lifespan
from sqlstore.stores.support import Support

provider = StoreProvider(Support.open(os.environ.get("SQLSTORE_URL", "sqlite:///data/support.db")))
Desk = Annotated[Support, Depends(provider)]

app = FastAPI(lifespan=lifespan(provider))
app.include_router(health_router(provider))


@app.post("/questions", status_code=201)
async def ask(text: str, desk: Desk) -> dict[str, int | str]:
    entry = await desk.knowledge.add(text, "A person will answer soon.", "manual")
    return {"id": entry.id, "answer": entry.answer}


@app.get("/questions/{entry_id}")
async def question(entry_id: int, desk: Desk) -> dict[str, str]:
    entry = await desk.knowledge.get(entry_id)
    if entry is None:
        raise HTTPException(404)
    return {"question": entry.question, "answer": entry.answer}


async def main() -> None:
    transport = httpx.ASGITransport(app)  # which runs no lifespan: the store is opened here
    async with provider, httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        asked = (await client.post("/questions", params={"text": "When are you open?"})).json()
        print((await client.get(f"/questions/{asked['id']}")).json()["question"])
        print((await client.get("/questions/0")).status_code)
        print((await client.get("/health/database")).json()["status"])


if __name__ == "__main__":
    asyncio.run(main())
