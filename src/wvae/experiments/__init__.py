"""The article's two experiments, and several data sets side by side: protocols only."""
