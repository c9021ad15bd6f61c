"""A dataset -> a dataset with N training rows of every class."""

from glyphgen.balance.balancing import balance_dataset, estimate_balance
from glyphgen.balance.prepared_balance import BalanceOptions, PreparedBalance, prepare_balance

__all__ = [
    "BalanceOptions",
    "PreparedBalance",
    "balance_dataset",
    "estimate_balance",
    "prepare_balance",
]
