"""Odd and bad inputs: each is read right, or refused in one line before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import Command
from corpus import KINDS
from corpus.entries import Entry, Refused, Right
from wvae.datasets import Dataset

pytestmark = pytest.mark.filterwarnings("ignore::wvae.training.diagnostics.TrainingWarning")
