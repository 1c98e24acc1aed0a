#!/usr/bin/env python3
"""Write the bench's input: the customers of benches/profile/generate.py as they come from people.

    generate.py OUT.csv [--rows 1000000] [--seed 7]

The same bytes for the same arguments. Of the rows, 2 % repeat one of the last hundred (half of them in other case), 1 %
have a null word in a text, 3 % have spaces or other case in name and city, 2 % have the date day first. The numbers
of orders are written as floats, a type too wide. Standard library only.
"""
import argparse
import csv
import random
import sys
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "profile"))
import generate  # noqa: E402

NULL_WORDS = ("N/A", "none", "-", "missing", "?")
HEADER = generate.HEADER.rstrip("\n").split(",")
NAME, MAIL, CITY, ORDERS, DATE, NOTE = (
    HEADER.index(name) for name in ("full_name", "email", "city", "orders", "signup_date", "note"))


def dirty(cells, draw):
    """Cells as people type them."""
    cells[ORDERS] += ".0"
    if draw.random() < 0.01:
        cells[draw.choice((MAIL, CITY, NOTE))] = draw.choice(NULL_WORDS)
    if draw.random() < 0.03:
        cells[NAME] = draw.choice((cells[NAME].upper(), f"  {cells[NAME]} ", cells[NAME].replace(" ", "   ")))
        cells[CITY] = draw.choice((cells[CITY].lower(), cells[CITY] + " "))
    if draw.random() < 0.02:
        cells[DATE] = "/".join(reversed(cells[DATE].split("-")))
    return cells


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    recent = deque(maxlen=100)
    with open(arguments.out, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        for number in range(1, arguments.rows + 1):
            if recent and draw.random() < 0.02:
                cells = list(draw.choice(recent))
                if draw.random() < 0.5:
                    cells[MAIL] = cells[MAIL].upper()
            else:
                cells = dirty(next(csv.reader([generate.row(number, draw)])), draw)
                recent.append(cells)
            writer.writerow(cells)


if __name__ == "__main__":
    main()
