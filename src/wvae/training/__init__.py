"""From checked examples to a fitted model."""
