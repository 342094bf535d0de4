"""Invoices and their lines, as SQLModel classes."""

from datetime import date
from decimal import Decimal

from sqlmodel import Field, SQLModel


class Invoice(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    number: str = Field(max_length=20, unique=True)
    issued_on: date


class InvoiceLine(SQLModel, table=True):
    __tablename__ = "invoice_line"

    id: int | None = Field(default=None, primary_key=True)
    invoice_id: int = Field(foreign_key="invoice.id", index=True)
    text: str
    amount: Decimal = Field(max_digits=12, decimal_places=2)
