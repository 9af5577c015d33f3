"""Train the models of the gallery, measure them, and write their zips and the manifest.

    python benchmarks/gallery.py --out dist/gallery            # minutes for each model
    python benchmarks/gallery.py --only fsdd

A zip holds the model folder in half precision with its figures and its model card. Upload the zips
as assets of the release whose version the manifest names: see CONTRIBUTING.md. A model whose folder
is already in OUT is not trained again; delete the folder to train it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import wvae
from wvae.config import Config
from wvae.io.files import write_json
from wvae.io.gallery import MANIFEST, SCHEME
from wvae.io.shared_files import shared_files
from wvae.workflows.fit import fit_to_folder
from wvae.workflows.inputs import open_for_model
from wvae.workflows.measure import measure
from wvae.workflows.measures_file import keep_measures

URL = "https://github.com/wvae/wvae/releases/download"
MAX_BYTES = 2_000_000
DATE = (1980, 1, 1, 0, 0, 0)  # so that the same files make the same zip
# Few weights leave room for steps of the alignment, of 7 kB each with ten labels: the more steps,
# the less of the label a probe predicts.
MODELS: dict[str, dict[str, Any]] = {
    "handwriting": {"backbone": "photo", "width": 64, "alignment_steps": 140},
    "fsdd": {"backbone": "deep", "width": 64, "alignment_steps": 90},
    "scenes": {"backbone": "deep", "width": 64, "alignment_steps": 120},
}
QUICK = {"epochs": 8, "finetune_epochs": 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("dist/gallery"))
    parser.add_argument("--only", choices=sorted(MODELS), help="build only this one")
    parser.add_argument("--quick", action="store_true", help="few epochs, to try this script")
    parser.add_argument("--version", default=wvae.__version__, help="of the release")
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, Any] = {"version": "", "url": "", "models": {}}
    if arguments.manifest.exists():
        manifest = json.loads(arguments.manifest.read_text(encoding="utf-8"))
    version = arguments.version
    manifest["version"], manifest["url"] = version, f"{URL}/v{version}"
    for name in [arguments.only] if arguments.only else sorted(MODELS):
        entry = build(name, arguments.out, version, quick=arguments.quick)
        manifest["models"][name] = entry
        manifest["models"] = dict(sorted(manifest["models"].items()))
        write_json(arguments.manifest, manifest)
        print(name, json.dumps(entry))


def build(name: str, out: Path, version: str, *, quick: bool) -> dict[str, Any]:
    """Return the manifest's entry of one model, whose zip is then in `out`."""
    folder = out / name
    if not (folder / "measures.json").exists():
        train(name, MODELS[name] | (QUICK if quick else {}), folder, quick)
    path = out / f"wvae-gallery-{name}-{version}.zip"
    write_zip(path, shared_files(folder, f"{SCHEME}{name}"))
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SystemExit(f"{path} has {size:,} bytes, expected at most {MAX_BYTES:,}")
    rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    return {
        "file": path.name,
        "size": size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "data": rows["data"],
        "licence": rows["licence"],
    }


def train(name: str, changes: dict[str, Any], folder: Path, quick: bool) -> None:
    """Train a model, round its weights to half precision, and measure what is left of it."""
    data, full = wvae.datasets.load(name), folder.with_name(f"{name}-single")
    config = Config.preset("best", **changes)
    fit_to_folder(data, config, full, overwrite=True, log=print, source=name)
    wvae.load(full).save(folder, half=True)
    for file in ("rows.json", "history.jsonl"):
        shutil.copy(full / file, folder / file)
    shutil.copy(full / "swaps.png", folder / "swaps.png")
    model = wvae.load(folder)
    opened = open_for_model(folder, model, name, log=print)
    figures = measure(model, opened, seed=config.random_state, quick=quick)
    keep_measures(folder, opened, figures, config.random_state, log=print)


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    """Write files into a zip that does not depend on the time or the machine."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, DATE), files[name], zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    main()
