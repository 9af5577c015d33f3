"""Folders of images and sounds, and the tables that name them."""
