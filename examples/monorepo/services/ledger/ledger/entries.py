"""What was booked between two accounts."""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Entry(Base):
    __tablename__ = "entry"
    __table_args__ = (CheckConstraint("amount > 0", name="amount_is_positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    debit_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    credit_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    booked_on: Mapped[date]
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
