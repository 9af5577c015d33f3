"""Folders of many files whose examples stay on disk, and saved Hugging Face datasets."""
