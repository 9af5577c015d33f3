// Stands for the two Mosaic packages, which EmbeddingView imports and does not use: they bring a
// database of a hundred megabytes.
export const coordinator = undefined;
export const isSelection = undefined;
export const makeClient = undefined;
