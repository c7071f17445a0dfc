"""A chat that remembers, without a network: its model is scripted.  python examples/langchain_history.py

With LangChain (`pip install 'sqlstore[langchain]'`).
"""

import asyncio
import os

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage

from sqlstore.adapters.langchain import SqlStoreChatMessageHistory
from sqlstore.stores.state import State


async def main() -> None:
    model = FakeListChatModel(responses=["9 to 18.", "The same."])
    async with State.open(os.environ.get("SQLSTORE_URL", "sqlite:///data/state.db")) as state:
        history = SqlStoreChatMessageHistory("ann", state, limit=20)
        for text in ("When are you open on Monday?", "And on Tuesday?"):
            question = HumanMessage(text)
            answer = await model.ainvoke([*await history.aget_messages(), question])
            await history.aadd_messages([question, answer])
            print(f"{text} {answer.text}")
        print(f"{len(await history.aget_messages())} messages are kept")


asyncio.run(main())
