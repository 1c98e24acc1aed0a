#!/usr/bin/env python3
"""Write the bench's input: a CSV of customers, 15 columns, the same bytes for the same arguments.

    generate.py OUT.csv [--rows 1000000] [--seed 7]

Identifiers, names, e-mails, categories, whole numbers, decimals with nulls and outliers, dates as text, booleans:
what the profiler meets in practice. Standard library only.
"""
import argparse
import random

FIRST = ("Ada Bela Carla Dmitri Elena Farid Greta Hiro Ines Jonas Kaya Liam Mina Noor Olga Pavel Quinn Rosa Stefan "
         "Tova Uma Viktor Wanda Xenia Yusuf Zoë").split()
LAST = ("Abel Berger Costa Dietrich Eriksen Fischer García Hansen Ivanov Jansen Kowalski López Müller Nowak Okafor "
        "Petrov Quist Rossi Silva Tanaka Ueda Vogel Weber Xu Yilmaz Zhang").split()
CITY = "Athens Bergen Córdoba Dublin Essen Florence Ghent Helsinki Izmir Jena Kyoto Lyon Malmö Nantes Oslo Porto".split()
PLAN = ("free", "basic", "team", "business", "enterprise")
CHANNEL = ("web", "mobile", "partner", "store", "phone", "referral")
NOTE = ("called back, no answer", 'asked for the "gold" plan', "moved, new address pending", "prefers e-mail",
        "complaint about invoice; settled", "two accounts, merge?")
HEADER = ("customer_id,external_ref,full_name,email,city,plan,channel,age,orders,balance,score,discount,signup_date,"
          "active,note\n")


def row(number, draw):
    first, last = draw.choice(FIRST), draw.choice(LAST)
    email = "" if draw.random() < 0.03 else f"{first}.{last}{number % 9973}@example.{draw.choice(('com', 'org', 'net'))}".lower()
    age = "" if draw.random() < 0.02 else str(int(draw.triangular(18, 95, 38)))
    orders = str(int(draw.expovariate(0.12)))
    balance = draw.gauss(250, 90) * (40 if draw.random() < 0.004 else 1)
    score = "" if draw.random() < 0.08 else f"{draw.betavariate(4, 2):.4f}"
    discount = "" if draw.random() < 0.6 else draw.choice(("0.05", "0.1", "0.15", "0.25"))
    signup = f"{draw.randrange(2015, 2026)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"
    note = ""
    if draw.random() < 0.12:
        note = draw.choice(NOTE).replace('"', '""')
        note = f'"{note}"' if "," in note or '"' in note else note
    return (f"{number},{draw.getrandbits(48):012x}-{number % 97:02d},{first} {last},{email},{draw.choice(CITY)},"
            f"{draw.choices(PLAN, (50, 25, 14, 8, 3))[0]},{draw.choice(CHANNEL)},{age},{orders},{balance:.2f},{score},"
            f"{discount},{signup},{'true' if draw.random() < 0.8 else 'false'},{note}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with open(arguments.out, "w", encoding="utf-8", newline="") as out:
        out.write(HEADER)
        for start in range(1, arguments.rows + 1, 10_000):
            out.write("".join(row(n, draw) for n in range(start, min(start + 10_000, arguments.rows + 1))))


if __name__ == "__main__":
    main()
