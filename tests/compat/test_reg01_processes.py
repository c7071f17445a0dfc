"""The old bot's process: its exits and forks leave nothing hanging and lose nothing."""

import os
import textwrap

import pytest

from sqlstore.compat import reg01

HEAD = """
import os, sys, threading, time
from sqlstore.compat.reg01 import *

def said(number):
    return [{"role": "user", "parts": [{"text": str(turn)}]} for turn in range(number)]
"""


@pytest.fixture
def run_bot(old_settings, run_script):
    """Run a bot's script. Python 3.12 warns of a fork while a thread is just ending: left out."""
    return lambda body: run_script(HEAD + textwrap.dedent(body), "-W", "ignore::DeprecationWarning")


@pytest.mark.parametrize(
    ("ending", "code"),
    [("pass", 0), ("sys.exit(3)", 3), ("raise ValueError('bot crashed')", 1)],
    ids=["normal end", "sys.exit", "exception"],
)
def test_a_bot_that_never_closes_its_database_exits_by_itself(run_bot, ending, code):
    returned, lines, errors, took_s = run_bot(
        f"""
        assert init_database() and save_history("web_1", said(3))
        print("exiting", flush=True)
        {ending}
        """
    )
    assert (returned, lines) == (code, ["exiting"])
    assert ("bot crashed" in errors) if code == 1 else (errors == "")
    assert took_s < 5  # a hang is endless; the bound only tells it from a slow machine
    assert len(reg01.get_or_create_history("web_1")) == 3


def test_a_bot_exits_while_other_threads_write_and_what_was_acknowledged_is_there(run_bot):
    returned, lines, _, took_s = run_bot(
        """
        assert init_database()
        def write():
            number = 1
            while save_history("web_1", said(number)):
                print(number, flush=True)
                number += 1
        threading.Thread(target=write, daemon=True).start()
        time.sleep(0.5)
        """
    )
    assert returned == 0
    assert took_s < 5
    assert int(lines[-1]) <= len(reg01.get_or_create_history("web_1")) <= int(lines[-1]) + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_parent_and_child_both_go_on_after_a_fork_and_nothing_is_lost(run_bot):
    returned, lines, errors, _ = run_bot(
        """
        assert init_database() and save_history("web_parent", said(1))
        child = os.fork()
        name = "web_parent" if child else "web_child"
        saved = all(save_history(name, said(number)) for number in range(2, 12))
        print(name, saved, flush=True)
        if child:
            assert os.waitpid(child, 0)[1] == 0
        """
    )
    assert (returned, errors) == (0, "")
    assert sorted(lines) == ["web_child True", "web_parent True"]
    for name in ("web_parent", "web_child"):
        assert len(reg01.get_or_create_history(name)) == 11
