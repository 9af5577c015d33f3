"""Write docs/_explorer, the site in docs/howto/explore.md: a small model of handwriting."""

from __future__ import annotations

from pathlib import Path

import wvae
from wvae.explorer.site import PAGE, write_site

OUT = Path(__file__).parent / "_explorer" / "explorer"


def main() -> None:
    if not PAGE.joinpath("index.html").exists():
        print("docs: the explorer's page is not built (`make web`), so the docs go without it")
        return
    data = wvae.datasets.load("handwriting")
    train = data.subset(data.split == "train")
    model = wvae.WVAE(epochs=15, finetune_epochs=5, random_state=0).fit(train)
    metrics = wvae.measure(model, data, quick=True)
    print(write_site(model, data, OUT, overwrite=True, metrics=metrics))


if __name__ == "__main__":
    main()
