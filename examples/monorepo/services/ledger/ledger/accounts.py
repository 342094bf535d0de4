"""Accounts."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Account(Base):
    __tablename__ = "account"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(12), unique=True)
    title: Mapped[str]
