"""wvae: give it data and one label; it gives you the rest."""

__version__ = "0.1.0"
