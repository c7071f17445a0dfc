"""Adopting: a database that the old system made becomes a store's own, without losing a row.

report = await adopt(Chatbot, "sqlite:///old/reg01.db", timezone="Asia/Bangkok")
"""

from sqlstore.capabilities.adopt.errors import AdoptionError, NotRecognised, RowsRefused
from sqlstore.capabilities.adopt.report import Difference, Problem, Report
from sqlstore.capabilities.adopt.run import Adoptable, adopt

__all__ = [
    "Adoptable",
    "AdoptionError",
    "Difference",
    "NotRecognised",
    "Problem",
    "Report",
    "RowsRefused",
    "adopt",
]
