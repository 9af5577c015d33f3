"""`python -m wvae` is `wvae`."""

from .cli.app import main

if __name__ == "__main__":
    main()
