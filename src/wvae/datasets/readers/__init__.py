"""Readers of a user's own files: images, sounds, tables, arrays and shards, each brought to a `Dataset`."""
