/** Thumbnails of examples: sprite sheets that are loaded when one of their pictures is shown. */

import type { Data } from "./load";

/** Draws thumbnails; keeps the sheets that were used last. */
export class Thumbnails {
  private readonly sheets = new Map<number, Promise<ImageBitmap>>();
  private static readonly KEPT = 400;

  constructor(private readonly data: Data) {}

  /** Draw the picture of an example into a canvas, which gets the size of the thumbnail. */
  async draw(row: number, canvas: HTMLCanvasElement): Promise<void> {
    const pictures = this.data.manifest.pictures;
    if (!pictures) return;
    const sheet = await this.sheet(Math.floor(row / pictures.per_sheet));
    const place = row % pictures.per_sheet;
    const x = (place % pictures.across) * pictures.width;
    const y = Math.floor(place / pictures.across) * pictures.height;
    canvas.width = pictures.width;
    canvas.height = pictures.height;
    const context = canvas.getContext("2d");
    context?.drawImage(
      sheet,
      x,
      y,
      pictures.width,
      pictures.height,
      0,
      0,
      pictures.width,
      pictures.height,
    );
  }

  /**
   * The spectrogram of an example, (mels × frames) in [0, 1], low frequencies first.
   *
   * Null if its thumbnail is smaller than it: then the data that are here do not hold it.
   */
  async spectrogram(row: number): Promise<Float32Array | null> {
    const { pictures, shape, kind } = this.data.manifest;
    const [mels, frames] = shape;
    const isWhole = pictures?.height === mels && pictures.width === frames;
    if (kind !== "audio" || shape.length !== 2 || !isWhole) return null;
    const canvas = document.createElement("canvas");
    await this.draw(row, canvas);
    const pixels = canvas.getContext("2d")?.getImageData(0, 0, frames, mels).data;
    if (!pixels) return null;
    return Float32Array.from({ length: mels * frames }, (_, i) => {
      const line = mels - 1 - Math.floor(i / frames);
      return pixels[4 * (line * frames + (i % frames))] / 255;
    });
  }

  /** Load the first sheets in the background, so that hovering need not wait for them. */
  prefetch(count: number): void {
    const n = Math.min(count, this.data.manifest.pictures?.sheets.length ?? 0);
    for (let i = 0; i < n; i++) void this.sheet(i).catch(() => undefined);
  }

  private sheet(index: number): Promise<ImageBitmap> {
    let sheet = this.sheets.get(index);
    if (!sheet) {
      sheet = this.load(index);
      this.sheets.set(index, sheet);
      if (this.sheets.size > Thumbnails.KEPT) {
        const oldest = this.sheets.keys().next().value;
        if (oldest !== undefined) this.sheets.delete(oldest);
      }
    }
    return sheet;
  }

  private async load(index: number): Promise<ImageBitmap> {
    const path = this.data.manifest.pictures?.sheets[index];
    if (!path) throw new Error(`there is no sheet ${index} of thumbnails`);
    const answer = await fetch(this.data.address(path));
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
    return createImageBitmap(await answer.blob());
  }
}
