/** Fourier transform of real signals whose length is a power of two. */

/** Fourier transform of `size` real numbers; arrays of one instance are reused by every call. */
export class RealFFT {
  readonly size: number;
  /** Real and imaginary parts of the frequencies 0 … size / 2. */
  readonly re: Float64Array;
  readonly im: Float64Array;
  private readonly half: number;
  private readonly reversed: Uint32Array;
  private readonly cos: Float64Array;
  private readonly sin: Float64Array;
  private readonly a: Float64Array;
  private readonly b: Float64Array;

  constructor(size: number) {
    if (size < 2 || (size & (size - 1)) !== 0) {
      throw new RangeError(`size is ${size}, expected a power of two`);
    }
    this.size = size;
    this.half = size / 2;
    this.re = new Float64Array(this.half + 1);
    this.im = new Float64Array(this.half + 1);
    this.a = new Float64Array(this.half);
    this.b = new Float64Array(this.half);
    this.cos = Float64Array.from({ length: this.half }, (_, k) =>
      Math.cos((2 * Math.PI * k) / size),
    );
    this.sin = Float64Array.from({ length: this.half }, (_, k) =>
      Math.sin((2 * Math.PI * k) / size),
    );
    this.reversed = new Uint32Array(this.half);
    for (let i = 1; i < this.half; i++) {
      this.reversed[i] = (this.reversed[i >> 1] >> 1) | (i & 1 ? this.half >> 1 : 0);
    }
  }

  /** Transform `signal` (size) to `re` and `im` (size / 2 + 1). */
  forward(signal: Float64Array): void {
    const { half, a, b, re, im, cos, sin, reversed } = this;
    // The even samples are the real parts, the odd samples the imaginary parts of half as many.
    for (let i = 0; i < half; i++) {
      a[reversed[i]] = signal[2 * i];
      b[reversed[i]] = signal[2 * i + 1];
    }
    this.butterflies();
    for (let k = 0; k <= half; k++) {
      const i = k % half;
      const j = (half - k) % half;
      const evenRe = (a[i] + a[j]) / 2;
      const evenIm = (b[i] - b[j]) / 2;
      const oddRe = (b[i] + b[j]) / 2;
      const oddIm = (a[j] - a[i]) / 2;
      const c = k === half ? -1 : cos[k];
      const s = k === half ? 0 : sin[k];
      re[k] = evenRe + oddRe * c + oddIm * s;
      im[k] = evenIm + oddIm * c - oddRe * s;
    }
  }

  /** Transform `re` and `im` (size / 2 + 1) back to a real signal, written to `out` (size). */
  inverse(out: Float64Array): void {
    const { half, a, b, re, im, cos, sin, reversed } = this;
    for (let k = 0; k < half; k++) {
      const j = half - k;
      const evenRe = re[k] + re[j];
      const evenIm = im[k] - im[j];
      const differenceRe = re[k] - re[j];
      const differenceIm = im[k] + im[j];
      const oddRe = differenceRe * cos[k] - differenceIm * sin[k];
      const oddIm = differenceRe * sin[k] + differenceIm * cos[k];
      // Conjugated, so that the forward transform inverts it.
      a[reversed[k]] = evenRe - oddIm;
      b[reversed[k]] = -(evenIm + oddRe);
    }
    this.butterflies();
    for (let i = 0; i < half; i++) {
      out[2 * i] = a[i] / this.size;
      out[2 * i + 1] = -b[i] / this.size;
    }
  }

  /** Transform a + ib in place, whose order is already bit-reversed. */
  private butterflies(): void {
    const { half, a, b, cos, sin } = this;
    for (let width = 1; width < half; width *= 2) {
      const stride = half / width; // in the table of `size` angles
      for (let start = 0; start < half; start += 2 * width) {
        for (let k = 0; k < width; k++) {
          const i = start + k;
          const j = i + width;
          const c = cos[k * stride];
          const s = sin[k * stride];
          const tRe = a[j] * c + b[j] * s;
          const tIm = b[j] * c - a[j] * s;
          a[j] = a[i] - tRe;
          b[j] = b[i] - tIm;
          a[i] += tRe;
          b[i] += tIm;
        }
      }
    }
  }
}
