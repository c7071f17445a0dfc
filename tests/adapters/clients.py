"""Starlette's client for tests, which warns when imported beside libraries newer, or older, than itself."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

__all__ = ["TestClient"]
