"""What the example project must give, worked out in plain Python from the rows that the shops were filled with."""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import importlib.util
from collections import defaultdict
from decimal import Decimal
from typing import Any

from conftest import EXAMPLE, Warehouse

CENT = Decimal("0.01")


def _generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate_shops", EXAMPLE / "generate_shops.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generator = _generator()


class Chain:
    """The shops as they are after the first `days` and some more days."""

    def __init__(self, prefix: str, stores: int = 3, more_days: int = 0) -> None:
        self.arguments = argparse.Namespace(
            stores=stores,
            days=10,
            orders_per_day=6,
            seed=7,
            until=dt.date.today() - dt.timedelta(days=1),
            more_days=more_days,
            prefix=prefix,
        )
        self.shops: dict[int, dict[str, list[list[Any]]]] = dict(generator.chain(self.arguments))

    def load(self, warehouse: Warehouse) -> None:
        """Fill the shops' databases."""
        connection = warehouse.connect()
        cursor = connection.cursor()
        for statement in generator.statements(
            self.arguments, "timestamp" if warehouse.kind == "duckdb" else "datetime"
        ):
            cursor.execute(statement)
        connection.close()

    def amounts(self) -> dict[tuple[int, int], Decimal]:
        """The amount of each order, by store and order."""
        amounts: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        for store, tables in self.shops.items():
            for order, _line, _product, quantity, price, _at in tables["order_lines"]:
                amounts[store, order] += quantity * Decimal(str(price)).quantize(CENT)
        return amounts

    def daily_store_sales(self) -> set[tuple[Any, ...]]:
        """mart_daily_store_sales: (order_date, store_id, city, order_count, customer_count, total_revenue)."""
        with (EXAMPLE / "seeds" / "order_statuses.csv").open() as file:
            revenue = {row["status"] for row in csv.DictReader(file) if row["counts_as_revenue"] == "1"}
        with (EXAMPLE / "seeds" / "stores.csv").open() as file:
            cities = {int(row["store_id"]): row["city"] for row in csv.DictReader(file)}
        amounts = self.amounts()
        days: dict[tuple[dt.date, int], list[Any]] = defaultdict(lambda: [0, set(), Decimal()])
        for store, tables in self.shops.items():
            for order, customer, status, ordered_at, _at in tables["orders"]:
                day = days[ordered_at.date(), store]
                day[0] += 1
                day[1].add(customer)
                day[2] += amounts[store, order] if status in revenue else 0
        return {
            (date, store, cities[store], orders, len(customers), total)
            for (date, store), (orders, customers, total) in days.items()
        }

    def product_sales(self) -> set[tuple[Any, ...]]:
        """mart_product_sales: (store_id, category, units, amount)."""
        sales: dict[tuple[int, str], list[Any]] = defaultdict(lambda: [0, Decimal()])
        for store, tables in self.shops.items():
            categories = {row[0]: row[2] for row in tables["products"]}
            for _order, _line, product, quantity, price, _at in tables["order_lines"]:
                sale = sales[store, categories[product]]
                sale[0] += quantity
                sale[1] += quantity * Decimal(str(price)).quantize(CENT)
        return {(store, category, units, amount) for (store, category), (units, amount) in sales.items()}

    def count(self, table: str) -> int:
        """Rows of a table over all shops."""
        return sum(len(tables[table]) for tables in self.shops.values())

    def changed(self, table: str, since: Chain, columns: list[int]) -> int:
        """Rows whose columns differ from an earlier state."""
        before = {(store, row[0]): row for store, tables in since.shops.items() for row in tables[table]}
        rows = ((store, row) for store, tables in self.shops.items() for row in tables[table])
        return sum(any(row[at] != before[store, row[0]][at] for at in columns) for store, row in rows)
