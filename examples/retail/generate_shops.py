#!/usr/bin/env python3
"""Write the databases of a chain of shops: one schema per shop, deterministic for a given seed.

    generate_shops.py --duckdb shops.duckdb --stores 3
    generate_shops.py --mysql 127.0.0.1:3306 --user root --stores 150
    generate_shops.py --duckdb shops.duckdb --stores 3 --more-days 1

The history ends on --until (default: yesterday), so that source freshness passes. --more-days grows the same history:
new orders, later statuses, a few customers who changed their tier and products their price.
Needs `duckdb` or `PyMySQL`.
"""

import argparse
import datetime as dt
import random

FIRST = [
    "Ana",
    "Bo",
    "Carl",
    "Dora",
    "Emil",
    "Fay",
    "Gus",
    "Hana",
    "Ivo",
    "Jule",
    "Kai",
    "Lena",
    "Milo",
    "Nora",
    "Otto",
]
LAST = ["Arndt", "Beck", "Cramer", "Dorn", "Ebert", "Falk", "Graf", "Heller", "Iser", "Jahn", "Kern", "Lutz"]
CATEGORIES = {"bread": 3, "dairy": 4, "fruit": 5, "drinks": 8, "household": 15, "books": 20}
TABLES = {
    "customers": "customer_id int not null, full_name varchar(60), email varchar(80), tier varchar(10),"
    " joined_at {ts}, updated_at {ts}",
    "products": "product_id int not null, title varchar(40), category varchar(20), list_price decimal(10, 2),"
    " is_active int, updated_at {ts}",
    "orders": "order_id int not null, customer_id int, status varchar(12), ordered_at {ts}, updated_at {ts}",
    "order_lines": "order_id int not null, line_no int not null, product_id int, quantity int,"
    " unit_price decimal(10, 2), updated_at {ts}",
}
STATUSES = ["open", "paid", "shipped", "done"]


class Shop:
    """The rows of one shop, grown day by day from its own random stream."""

    def __init__(self, number, seed):
        self.random = random.Random(f"{seed}/{number}")
        self.rows = {table: {} for table in TABLES}

    def at(self, day, hour=None):
        hour = self.random.randrange(8, 20) if hour is None else hour
        return dt.datetime.combine(day, dt.time(hour, self.random.randrange(60), self.random.randrange(60)))

    def open(self, day):
        for number in range(1, 41):
            name = f"{self.random.choice(FIRST)} {self.random.choice(LAST)}"
            email = f"{name.replace(' ', '.')}{number}@Mail.example"
            tier = self.random.choice(["basic", "basic", "silver", "gold"])
            self.rows["customers"][number] = [number, name, email, tier, self.at(day), self.at(day)]
        for number, category in enumerate(list(CATEGORIES) * 4, start=1):
            price = round(CATEGORIES[category] * self.random.uniform(0.5, 2.0), 2)
            self.rows["products"][number] = [number, f"{category} {number}", category, price, 1, self.at(day)]

    def trade(self, day, orders):
        """One business day."""
        for order in [o for o in self.rows["orders"].values() if o[2] in STATUSES[:3]]:
            if self.random.random() < 0.6:
                returned = order[2] == "shipped" and self.random.random() < 0.05
                order[2] = "returned" if returned else STATUSES[STATUSES.index(order[2]) + 1]
                order[4] = self.at(day)
        for _ in range(orders):
            number = len(self.rows["orders"]) + 1
            when = self.at(day)
            customer = self.random.randrange(1, len(self.rows["customers"]) + 1)
            self.rows["orders"][number] = [number, customer, "open", when, when]
            for line in range(1, self.random.randrange(1, 5) + 1):
                product = self.random.choice(list(self.rows["products"].values()))
                quantity = self.random.randrange(1, 6)
                self.rows["order_lines"][number, line] = [number, line, product[0], quantity, product[3], when]
        for customer in self.random.sample(list(self.rows["customers"].values()), 2):
            customer[3] = {"basic": "silver", "silver": "gold", "gold": "basic"}[customer[3]]
            customer[5] = self.at(day, 21)
        product = self.random.choice(list(self.rows["products"].values()))
        product[3] = round(product[3] * 1.05, 2)
        product[5] = self.at(day, 21)


def chain(args):
    """Yields (shop number, its rows per table) as of the last day."""
    first = args.until - dt.timedelta(days=args.days - 1)
    for number in range(1, args.stores + 1):
        shop = Shop(number, args.seed)
        shop.open(first)
        for offset in range(args.days + args.more_days):
            shop.trade(first + dt.timedelta(days=offset), args.orders_per_day)
        yield number, {table: list(rows.values()) for table, rows in shop.rows.items()}


def literal(value):
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def statements(args, timestamp):
    """The SQL that makes the databases."""
    for number, tables in chain(args):
        schema = f"{args.prefix}_{number:03d}"
        yield f"create schema if not exists {schema}"
        for table, columns in TABLES.items():
            yield f"drop table if exists {schema}.{table}"
            yield f"create table {schema}.{table} ({columns.format(ts=timestamp)})"
            rows = tables[table]
            for start in range(0, len(rows), 500):
                values = ", ".join("(" + ", ".join(map(literal, row)) + ")" for row in rows[start : start + 500])
                yield f"insert into {schema}.{table} values {values}"


def connect(args):
    """A function that runs one statement, and the engine's type for a point in time."""
    if args.duckdb:
        import duckdb

        return duckdb.connect(args.duckdb).execute, "timestamp"
    import pymysql

    where = {"unix_socket": args.mysql[5:]} if args.mysql.startswith("unix:") else {}
    if not where:
        host, _, port = args.mysql.partition(":")
        where = {"host": host, "port": int(port or 3306)}
    connection = pymysql.connect(user=args.user, password=args.password, charset="utf8mb4", autocommit=True, **where)
    return connection.cursor().execute, "datetime"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duckdb", metavar="FILE")
    parser.add_argument("--mysql", metavar="HOST:PORT|unix:SOCKET")
    parser.add_argument("--user", default="root")
    parser.add_argument("--password", default="")
    parser.add_argument("--prefix", default="shop", help="schemas are PREFIX_001, PREFIX_002, ...")
    parser.add_argument("--stores", type=int, default=3)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--orders-per-day", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until", type=dt.date.fromisoformat, default=dt.date.today() - dt.timedelta(days=1))
    parser.add_argument("--more-days", type=int, default=0, help="business days after --until: the same history, grown")
    args = parser.parse_args()
    if bool(args.duckdb) == bool(args.mysql):
        parser.error("give --duckdb or --mysql")
    execute, timestamp = connect(args)
    for statement in statements(args, timestamp):
        execute(statement)


if __name__ == "__main__":
    main()
