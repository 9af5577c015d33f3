"""Label, hidden factors and split of the rows."""
