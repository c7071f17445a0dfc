"""The version of this library; the package's own metadata takes it from here."""

from typing import Final

VERSION: Final = "0.1.0"
"""As PEP 440 has it."""
