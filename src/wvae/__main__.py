"""`python -m wvae` is `wvae`."""

from .cli import main

if __name__ == "__main__":
    main()
