"""`python -m wvae` does the same as the command `wvae`."""

from .cli.app import main

if __name__ == "__main__":
    main()
