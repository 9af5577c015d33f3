"""Model folders and other files: nothing here imports `WVAE`."""
