"""Tables: CSV, TSV and Parquet as columns of values, lists and files."""
