"""A package with a model file for each subject; importing it imports them all."""

from ledger.accounts import Account
from ledger.base import Base
from ledger.entries import Entry

__all__ = ["Account", "Base", "Entry"]
