/** Sounds: spectrograms are inverted in the browser and played. */

import { codeOf, session } from "../session";
import { encodeWav } from "../sound/wav";
import { invert } from "../sound/invert";

let playing: HTMLAudioElement | null = null;

/** The wave of a spectrogram, (samples). */
export async function waveOf(x: Float32Array): Promise<Float32Array> {
  const { data } = session();
  const { sound } = data.manifest;
  if (!sound) throw new Error("the sample rate of these sounds is unknown");
  return invert(x, sound, await data.floats(sound.filters));
}

/** Play a spectrogram, (mels × frames); a sound that is still heard stops. */
export async function playSpectrogram(x: Float32Array): Promise<void> {
  const { sound } = session().data.manifest;
  const wave = await waveOf(x);
  const file = new Blob([encodeWav(wave, sound?.rate ?? 1) as BlobPart], { type: "audio/wav" });
  playing?.pause();
  const address = URL.createObjectURL(file);
  playing = new Audio(address);
  playing.onended = () => URL.revokeObjectURL(address);
  await playing.play();
}

/** An example of the data decoded from its codes. */
export async function reconstructionOf(row: number): Promise<Float32Array> {
  const { network } = session();
  const [zLabel, zRest] = await Promise.all([codeOf("z_label", row), codeOf("z_rest", row)]);
  return network.decode(zLabel, zRest);
}

/** The spectrogram of an example of the data; where only a small picture is here, decoded. */
export async function spectrogramOf(row: number): Promise<Float32Array> {
  return (await session().thumbnails.spectrogram(row)) ?? reconstructionOf(row);
}
