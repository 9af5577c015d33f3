"""Readers of images, sounds, tables, arrays and shards from a user's files, as a `Dataset`."""
