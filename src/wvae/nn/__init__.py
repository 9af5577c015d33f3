"""Tensors only: backbones, penalties, alignment, augmentation, style features."""
