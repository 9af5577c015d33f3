"""Model folders, other programs' model files and atomic writes. Nothing here imports `WVAE`."""
