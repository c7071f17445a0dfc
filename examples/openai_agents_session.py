"""An agent that remembers, without a network: its model is scripted.  python examples/openai_agents_session.py

With the OpenAI Agents SDK (`pip install 'sqlstore[openai-agents]'`). For a real model leave `model=` away.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from sqlstore.adapters.openai_agents import SqlStoreSession
from sqlstore.stores.state import State


@function_tool
def opening_hours(day: str) -> str:
    """When the shop is open."""
    return "9 to 18" if day != "sunday" else "closed"


class ScriptedModel(Model):
    """Looks the hours up once; after that it only says what it was given."""

    async def get_response(self, *_: Any, **given: Any) -> ModelResponse:
        items = given["input"]
        output: Any
        if items[-1].get("type") == "function_call_output":
            output = _said(f"We are open {items[-1]['output']}.")
        elif any(item.get("type") == "function_call_output" for item in items):
            output = _said(f"As I said {len(items)} items ago.")
        else:
            output = ResponseFunctionToolCall(
                name="opening_hours", arguments='{"day": "monday"}', call_id="call_1", type="function_call"
            )
        return ModelResponse([output], Usage(), response_id=None)

    def stream_response(self, *_: Any, **given: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def _said(text: str) -> ResponseOutputMessage:
    content = ResponseOutputText(text=text, type="output_text", annotations=[])
    return ResponseOutputMessage(
        id="message", content=[content], role="assistant", status="completed", type="message"
    )


async def main() -> None:
    set_tracing_disabled(True)
    agent = Agent("shop", model=ScriptedModel(), tools=[opening_hours])
    async with State.open(os.environ.get("SQLSTORE_URL", "sqlite:///data/state.db")) as state:
        session = SqlStoreSession("ann", state)
        for question in ("When are you open on Monday?", "And on Tuesday?"):
            result = await Runner.run(agent, question, session=session)
            print(f"{question} {result.final_output}")
        print(f"{len(await session.get_items())} items are kept")


asyncio.run(main())
