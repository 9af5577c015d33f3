/** The model in the browser: encoder and decoder, run by onnxruntime-web on one thread. */

import * as ort from "onnxruntime-web/wasm";
import type { Data } from "../data/load";

ort.env.wasm.numThreads = 1; // more would need headers that a static host does not send
ort.env.logLevel = "error";

export interface Encoded {
  zLabel: Float32Array;
  zRest: Float32Array;
  probabilities: Float32Array;
}

/** Encodes and decodes examples; the networks are loaded when they are first needed. */
export class Network {
  private encoder?: Promise<ort.InferenceSession>;
  private decoder?: Promise<ort.InferenceSession>;
  private queue: Promise<unknown> = Promise.resolve();
  private warm?: Promise<unknown>;
  readonly size: number;
  /** Time that the last decoding took, without waiting for others, in milliseconds. */
  milliseconds = 0;

  constructor(private readonly data: Data) {
    this.size = data.manifest.shape.reduce((product, side) => product * side, 1);
  }

  /** Load the decoder and run it once, so that the first picture need not wait for it. */
  warmUp(): Promise<unknown> {
    const { codes } = this.data.manifest;
    const zeros = (width: number) => new Float32Array(width);
    this.warm ??= this.decode(zeros(codes.z_label.width), zeros(codes.z_rest.width));
    return this.warm;
  }

  /** Decode codes, (m, d_label) and (m, d_rest), into examples, (m, size). */
  decode(zLabel: Float32Array, zRest: Float32Array): Promise<Float32Array> {
    const { codes } = this.data.manifest;
    const m = zLabel.length / codes.z_label.width;
    this.decoder ??= this.open(this.data.manifest.model.decoder);
    const decoder = this.decoder;
    return this.inTurn(async () => {
      const session = await decoder;
      const start = performance.now();
      const result = await session.run({
        z_label: new ort.Tensor("float32", zLabel, [m, codes.z_label.width]),
        z_rest: new ort.Tensor("float32", zRest, [m, codes.z_rest.width]),
      });
      this.milliseconds = performance.now() - start;
      return result.x.data as Float32Array;
    });
  }

  /** Encode examples, (m, size). */
  encode(x: Float32Array): Promise<Encoded> {
    const shape = this.data.manifest.shape;
    this.encoder ??= this.open(this.data.manifest.model.encoder);
    const encoder = this.encoder;
    return this.inTurn(async () => {
      const session = await encoder;
      const result = await session.run({
        x: new ort.Tensor("float32", x, [x.length / this.size, ...shape]),
      });
      return {
        zLabel: result.z_label.data as Float32Array,
        zRest: result.z_rest.data as Float32Array,
        probabilities: result.probabilities.data as Float32Array,
      };
    });
  }

  private async open(path: string): Promise<ort.InferenceSession> {
    const bytes = new Uint8Array(await this.data.bytes(path));
    // Severity 3: the runtime's warnings about its own optimiser are no errors of the page.
    return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
  }

  /** A session runs one call at a time. */
  private inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.queue.then(run);
    this.queue = result.catch(() => undefined);
    return result;
  }
}

/** Runs the newest of many requests: those that a newer one overtook are dropped. */
export class Latest<T> {
  private busy = false;
  private next: (() => Promise<T>) | null = null;

  constructor(
    private readonly show: (result: T) => void,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** Run a request now, or when the one before it has ended. */
  request(run: () => Promise<T>): void {
    this.next = run;
    if (!this.busy) void this.work();
  }

  private async work(): Promise<void> {
    this.busy = true;
    while (this.next) {
      const run = this.next;
      this.next = null;
      try {
        this.show(await run());
      } catch (error) {
        this.fail(error);
      }
    }
    this.busy = false;
  }
}
