"""Inputs as people have them, odd and bad ones, and what must happen to each."""
