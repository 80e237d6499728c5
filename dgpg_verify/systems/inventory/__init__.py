"""Inventory: N retailers order stock that arrives after a lead time, from a supplier or from a shared warehouse."""

from dgpg_verify.systems.inventory.draw import REFERENCES, random_inventory
from dgpg_verify.systems.inventory.retailers import FEATURES, HEURISTICS, Inventory, StockState
from dgpg_verify.systems.inventory.separate import SeparateInventory
