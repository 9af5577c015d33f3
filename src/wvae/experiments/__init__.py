"""The article's two experiments, and the data sets side by side: protocol only."""
