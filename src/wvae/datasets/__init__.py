"""Data sets by name, and a user's own data, all as a `Dataset`."""

from .catalogue import CATALOGUE, Source, load
from .dataset import Dataset
from .readers.open import open_data

__all__ = ["CATALOGUE", "Dataset", "Source", "load", "open_data"]
