#!/usr/bin/env python3
"""Writes customers.csv: 1,000 invented customers with the faults that real exports have.

The same seed gives the same bytes on every machine and Python version: only `random.random` is used, whose sequence
is fixed, and the file is written with one line ending. No person in it exists; e-mail domains, and phone numbers of
the United States, the United Kingdom and Germany, are those reserved for examples.

    python3 generate_customers.py            # writes customers.csv beside this file
    python3 generate_customers.py --output - # to standard output
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import io
import random
import sys
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional, TypeVar

SEED = 20251
ROWS = 1000
T = TypeVar("T")
Row = dict[str, str]

COLUMNS = [
    "customer_id", "first_name", "last_name", "email", "phone", "age", "city", "country", "company", "segment",
    "signup_date", "last_order_date", "orders", "total_spent", "credit_limit", "newsletter", "referral_code",
    "currency", "notes",
]

FIRST_NAMES = [
    "Anna", "Ben", "Chloé", "David", "Elif", "Finn", "Grace", "Hannah", "Ibrahim", "Jürgen", "Kateřina", "Liam",
    "María", "Noah", "Olga", "Paweł", "Quentin", "Renée", "Søren", "Tomás", "Ursula", "Viktor", "Wren", "Xenia",
    "Yusuf", "Zoë", "Łukasz", "Ángela", "Mia", "Oliver",
]
LAST_NAMES = [
    "Abara", "Björkman", "Castellano", "Dvořák", "Eriksen", "Fontaine", "Grünwald", "Hollister", "Ivanova", "Jansen",
    "Kowalczyk", "Lindqvist", "Mbeki", "Núñez", "O'Rourke", "Petrov", "Quist", "Rossi", "Szabó", "Thornbury",
    "Ueda", "van der Berg", "Whitlock", "Yılmaz", "Zieliński", "Smith-Jones",
]
# City, country, and how a phone number is written there; `#` becomes a digit.
PLACES = [
    ("Berlin", "Germany", ["+49 30 23125 ###", "030/23125###", "004930 23125###", "(030) 23125-###"]),
    ("München", "Germany", ["+49 89 99998 ###", "089-99998###", "004989 99998###"]),
    ("London", "United Kingdom", ["+44 20 7946 0###", "020 7946 0###", "(020) 7946-0###", "+442079460###"]),
    ("Manchester", "United Kingdom", ["+44 161 496 0###", "0161 496 0###"]),
    ("New York", "United States", ["+1 212 555 01##", "(212) 555-01##", "212.555.01##", "21255501##"]),
    ("São Paulo", "Brazil", ["+55 11 5550-0###", "(11) 55500###"]),
    ("Kraków", "Poland", ["+48 12 555 0###", "12 555 0###"]),
    ("Zürich", "Switzerland", ["+41 44 555 0###", "0445550###"]),
]
COMPANIES = [
    "Müller, Söhne & Co", "Northwind Trading", 'The "Green" Grocer', "Blue Harbour Ltd", "Café Ñandú, S.A.",
    "Papier & Tinte", "Quayside Books", "Delta Parts, Inc.",
]
SEGMENTS = ["bronze", "silver", "gold", "platinum"]
NOTES = [
    "called twice, no answer", "prefers e-mail", "VIP; handle with care", "moved, new address pending",
    'asked for a "paper" invoice', "complaint closed",
]
BLANKS = ["", "", "", "N/A", "-", "null"]
FIRST_DAY = dt.date(2019, 1, 1)


class Chance:
    """Random choices that depend on nothing but `random.random`."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def happens(self, probability: float) -> bool:
        return self._random() < probability

    def below(self, end: int) -> int:
        return int(self._random() * end)

    def between(self, low: float, high: float) -> float:
        return low + self._random() * (high - low)

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]


def plain(text: str) -> str:
    """Lower-case ASCII letters of a name, for e-mail addresses."""
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("ł", "l").replace("ø", "o").replace("ı", "i"))
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalpha())


def odd_case(chance: Chance, text: str) -> str:
    return chance.one_of([text.upper(), text.lower(), text.swapcase()])


def email(chance: Chance, first: str, last: str) -> str:
    domain = chance.one_of(["example.com", "example.org", "example.net", "mail.example"])
    address = f"{plain(first)}.{plain(last)}{chance.below(90) + 10}@{domain}"
    if chance.happens(0.05):
        faults: list[Callable[[str], str]] = [
            lambda a: a.replace("@", ""),
            lambda a: a.replace("@", "@@"),
            lambda a: a.replace("@", " at "),
            lambda a: a.split("@")[0] + "@",
            lambda a: a.replace(".", ",", 1),
        ]
        return chance.one_of(faults)(address)
    return address.upper() if chance.happens(0.04) else address


def phone(chance: Chance, patterns: Sequence[str]) -> str:
    pattern = chance.one_of(patterns)
    if chance.happens(0.02):
        return chance.one_of(["unknown", "12345", "see notes", pattern.split(" ")[0]])
    return "".join(str(chance.below(10)) if sign == "#" else sign for sign in pattern)


def written_date(chance: Chance, day: dt.date) -> str:
    style = chance.below(20)
    if style < 13:
        return day.isoformat()
    if style < 16:
        return f"{day.day:02}.{day.month:02}.{day.year}"
    if style < 18:
        return f"{day.month}/{day.day}/{day.year}"
    if style < 19:
        return f"{day.year}{day.month:02}{day.day:02}"
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    return f"{day.day} {months[day.month - 1]} {day.year}"


def age(chance: Chance) -> str:
    if chance.happens(0.02):
        return chance.one_of(["-1", "0", "199", "999", "7"])
    # The sum of three gives a hump around 45.
    return str(int(18 + chance.between(0, 18) + chance.between(0, 18) + chance.between(0, 18)))


def spent(chance: Chance, orders: int) -> str:
    if chance.happens(0.012):
        return f"{chance.between(150_000, 900_000):.2f}"
    if chance.happens(0.008):
        return f"{-chance.between(20, 400):.2f}"
    return f"{orders * chance.between(12, 140):.2f}"


def credit_limit(chance: Chance) -> str:
    amount = (chance.below(40) + 1) * 250
    return chance.one_of([f"{amount}", f"{amount}", f"{amount:,}.00", f"EUR {amount}", f"{amount / 1000:g}k"])


def customer(chance: Chance, number: int) -> Row:
    first, last = chance.one_of(FIRST_NAMES), chance.one_of(LAST_NAMES)
    city, country, patterns = chance.one_of(PLACES)
    signup = FIRST_DAY + dt.timedelta(days=chance.below(2200))
    orders = chance.below(8) * chance.below(8)
    last_order: Optional[dt.date] = signup + dt.timedelta(days=chance.below(300)) if orders else None
    return {
        "customer_id": str(100_000 + number),
        "first_name": odd_case(chance, first) if chance.happens(0.06) else first,
        "last_name": odd_case(chance, last) if chance.happens(0.06) else last,
        "email": email(chance, first, last),
        "phone": phone(chance, patterns),
        "age": age(chance),
        "city": odd_case(chance, city) if chance.happens(0.08) else city,
        "country": chance.one_of([country] * 8 + [country.upper(), country[:2].upper()]),
        "company": chance.one_of(COMPANIES) if chance.happens(0.35) else "",
        "segment": odd_case(chance, chance.one_of(SEGMENTS)) if chance.happens(0.15) else chance.one_of(SEGMENTS),
        "signup_date": written_date(chance, signup),
        "last_order_date": written_date(chance, last_order) if last_order else "",
        "orders": str(orders),
        "total_spent": spent(chance, orders),
        "credit_limit": credit_limit(chance),
        "newsletter": chance.one_of(["yes", "no", "yes", "no", "Y", "N", "TRUE", "false", "1", "0"]),
        "referral_code": f"REF-{chance.below(9000) + 1000}" if chance.happens(0.18) else "",
        "currency": "EUR",
        "notes": chance.one_of(NOTES) if chance.happens(0.12) else "",
    }


def typed_again(chance: Chance, original: Row, number: int) -> Row:
    """The same person entered a second time, by somebody else."""
    row = dict(original, customer_id=str(100_000 + number))
    if chance.happens(0.7):
        row["first_name"] = odd_case(chance, row["first_name"])
    if chance.happens(0.5):
        row["email"] = row["email"].upper()
    if chance.happens(0.5):
        row["phone"] = row["phone"].replace(" ", "").replace("-", "")
    return row


def lose_values(chance: Chance, row: Row) -> None:
    shares = {"email": 0.06, "phone": 0.09, "age": 0.07, "city": 0.03, "segment": 0.04, "credit_limit": 0.1}
    for column, share in shares.items():
        if chance.happens(share):
            row[column] = "" if column == "age" else chance.one_of(BLANKS)


def add_blanks(chance: Chance, row: Row) -> None:
    for column in ("first_name", "last_name", "email", "city", "segment"):
        if row[column] and chance.happens(0.03):
            row[column] = chance.one_of([row[column] + " ", row[column] + "  ", " " + row[column]])


def customers() -> list[Row]:
    chance = Chance(SEED)
    rows: list[Row] = []
    for number in range(1, ROWS + 1):
        if rows and chance.happens(0.05):
            row = typed_again(chance, chance.one_of(rows), number)
        else:
            row = customer(chance, number)
            lose_values(chance, row)
        add_blanks(chance, row)
        rows.append(row)
    # A key that is not quite one: some rows were loaded twice.
    for _ in range(4):
        rows[chance.below(ROWS)]["customer_id"] = rows[chance.below(ROWS)]["customer_id"]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(__file__).with_name("customers.csv")
    parser.add_argument("--output", default=str(default), help="file to write, or - (default: beside this program)")
    output: str = parser.parse_args().output

    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(customers())
    data = text.getvalue().encode("utf-8")
    if output == "-":
        sys.stdout.buffer.write(data)
    else:
        Path(output).write_bytes(data)


if __name__ == "__main__":
    main()
