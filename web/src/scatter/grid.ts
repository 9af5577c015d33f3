/** Finds the point under the mouse: points sorted into the cells of a grid. */

import type { Extent } from "./camera";

/** A grid over positions, (n, 2). */
export class Grid {
  private readonly side: number;
  private readonly starts: Uint32Array;
  private readonly rows: Uint32Array;
  private readonly width: number;
  private readonly height: number;

  constructor(
    private readonly points: Float32Array,
    private readonly extent: Extent,
  ) {
    const n = points.length / 2;
    this.side = Math.max(1, Math.min(1024, Math.round(Math.sqrt(n / 4))));
    this.width = Math.max(extent[2] - extent[0], 1e-9) / this.side;
    this.height = Math.max(extent[3] - extent[1], 1e-9) / this.side;
    // A counting sort of the points by their cell.
    const cells = new Uint32Array(n);
    this.starts = new Uint32Array(this.side * this.side + 1);
    for (let i = 0; i < n; i++) {
      cells[i] = this.column(points[2 * i]) + this.side * this.line(points[2 * i + 1]);
      this.starts[cells[i] + 1]++;
    }
    for (let c = 0; c < this.side * this.side; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice(0, -1);
    this.rows = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.rows[next[cells[i]]++] = i;
  }

  /**
   * The nearest shown point within a distance, or −1.
   *
   * Distances are measured in pixels: `scaleX` and `scaleY` are pixels per unit.
   */
  nearest(
    x: number,
    y: number,
    radius: number,
    scaleX: number,
    scaleY: number,
    isShown: (row: number) => boolean,
  ): number {
    const dx = radius / scaleX;
    const dy = radius / scaleY;
    let best = -1;
    let smallest = radius * radius;
    for (let line = this.line(y - dy); line <= this.line(y + dy); line++) {
      for (let column = this.column(x - dx); column <= this.column(x + dx); column++) {
        const cell = column + this.side * line;
        for (let k = this.starts[cell]; k < this.starts[cell + 1]; k++) {
          const row = this.rows[k];
          const px = (this.points[2 * row] - x) * scaleX;
          const py = (this.points[2 * row + 1] - y) * scaleY;
          const distance = px * px + py * py;
          if (distance < smallest && isShown(row)) {
            smallest = distance;
            best = row;
          }
        }
      }
    }
    return best;
  }

  private column(x: number): number {
    return Math.max(0, Math.min(this.side - 1, Math.floor((x - this.extent[0]) / this.width)));
  }

  private line(y: number): number {
    return Math.max(0, Math.min(this.side - 1, Math.floor((y - this.extent[1]) / this.height)));
  }
}
