// Made by `npm run contract` from contract.schema.json: change that file.

/**
 * data/explorer.json: what the explorer's page shows. All paths are relative to data/. Numbers are in binary files, little-endian, row by row.
 */
export interface Manifest {
  /**
   * Version of this contract. The page refuses any other.
   */
  version: 1;
  /**
   * Version of wvae that wrote the files.
   */
  wvae: string;
  /**
   * Name of the data.
   */
  title: string;
  source?: string;
  licence?: string;
  kind: "image" | "audio" | "table";
  /**
   * Shape of one example, as the networks take it: (height, width), (channels, height, width), (mels, frames) or (columns).
   *
   * @minItems 1
   */
  shape: number[];
  /**
   * Number of examples.
   */
  n: number;
  /**
   * Number of examples of the data, if a random sample of them is shown.
   */
  total?: number;
  /**
   * Name of the label.
   */
  label: string;
  /**
   * Classes of the model, in the order of its probabilities.
   *
   * @minItems 1
   */
  classes: string[];
  columns: Column[];
  codes: {
    z_label: Matrix;
    z_rest: Matrix;
  };
  /**
   * Positions of all examples. The page can also show any two dimensions of the codes.
   */
  maps: PointMap[];
  /**
   * Dimensions of both codes; within a code, those that change the decoded example most come first.
   */
  dimensions: Dimension[];
  /**
   * Thumbnails; null for tables.
   */
  pictures: Pictures | null;
  /**
   * Rows of a table; null for images and sounds.
   */
  values: Values | null;
  model: Model;
  /**
   * How a drawing becomes an example; null if examples are not single-channel images of strokes.
   */
  drawing: Drawing | null;
  /**
   * How sounds become spectrograms and back; null if examples are not sounds or their rate is unknown.
   */
  sound: Sound | null;
  truth: Truth;
  /**
   * Size of every file in bytes, so that the page notices a damaged or foreign one.
   */
  files: {
    [k: string]: number;
  };
}
export interface Column {
  name: string;
  role: "label" | "predicted" | "factor" | "split" | "cluster" | "row" | "file";
  /**
   * category: indices into categories. text: UTF-8, a line per example, for names of files only.
   */
  type: "category" | "number" | "text";
  dtype: "u8" | "u16" | "u32" | "f32" | "text";
  file: string;
  /**
   * Names of the categories; the largest number of the dtype means a missing value.
   */
  categories?: string[];
  low?: number;
  high?: number;
}
export interface Matrix {
  /**
   * float32, (n, width)
   */
  file: string;
  width: number;
}
export interface PointMap {
  /**
   * For links, such as rest-tsne.
   */
  id: string;
  code: "z_rest" | "z_label" | "plane";
  method: "tsne" | "umap" | "pca" | "axes";
  /**
   * float32, (n, 2)
   */
  file: string;
  /**
   * Names of the axes, empty for t-SNE and UMAP.
   *
   * @minItems 2
   * @maxItems 2
   */
  axes: string[];
}
export interface Dimension {
  code: "z_label" | "z_rest";
  index: number;
  /**
   * Share of this dimension in the change of decoded examples that all dimensions of the code cause, one at a time.
   */
  share: number;
  /**
   * 1 % quantile over the examples.
   */
  low: number;
  /**
   * 99 % quantile.
   */
  high: number;
}
export interface Pictures {
  /**
   * PNG files; example i is in sheet floor(i / per_sheet).
   */
  sheets: string[];
  /**
   * Width of a thumbnail in pixels.
   */
  width: number;
  height: number;
  /**
   * Thumbnails in a row of a sheet.
   */
  across: number;
  per_sheet: number;
}
export interface Values {
  /**
   * float32, (n, columns)
   */
  file: string;
  columns: string[];
  mean: number[];
  /**
   * Standard deviations, 1 for constant columns.
   */
  sd: number[];
}
export interface Model {
  /**
   * ONNX: x → z_label, z_rest, probabilities. x of images and spectrograms is in [0, 1] if unit_range, else in the units of the data.
   */
  encoder: string;
  /**
   * ONNX: z_label, z_rest → x
   */
  decoder: string;
  /**
   * Mean z_label of each class; empty for a class without training examples.
   */
  label_centres: number[][];
  unit_range: boolean;
  /**
   * Value shown as black where unit_range is false.
   */
  low?: number;
  /**
   * Value shown as white where unit_range is false.
   */
  high?: number;
  /**
   * Whether examples are dark strokes on bright paper.
   */
  dark_strokes: boolean;
}
export interface Drawing {
  /**
   * Median of the longer side of the box around the strokes, in pixels.
   */
  size: number;
  /**
   * Which centre of the training images lies at a fixed place.
   */
  centre: "mass" | "box";
  /**
   * Median place of that centre, in pixels from the left edge of the image.
   */
  x: number;
  /**
   * In pixels from the upper edge.
   */
  y: number;
  /**
   * Median thickness of the strokes, in pixels.
   */
  thickness: number;
  /**
   * Median of the strokes' brightest value, in [0, 1].
   */
  peak: number;
}
export interface Sound {
  /**
   * Samples per second.
   */
  rate: number;
  mels: number;
  frames: number;
  n_fft: number;
  /**
   * Samples of the Hann window.
   */
  window: number;
  hop: number;
  /**
   * float32, (mels, n_fft / 2 + 1)
   */
  filters: string;
  /**
   * Length of the sounds that are played.
   */
  seconds: number;
  range_db: number;
  trim_db: number;
}
export interface Truth {
  /**
   * Metrics of `wvae measure`, without those that are NaN.
   */
  metrics: {
    [k: string]: number;
  };
  /**
   * Where the metrics come from.
   */
  command?: string;
  warnings: string[];
}
