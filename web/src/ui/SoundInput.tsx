/** A sound of one's own: recorded, dropped or chosen. */

import { useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { session } from "../session";
import { logMel } from "../sound/spectrogram";
import { resample, toMono } from "../sound/wav";
import { fail } from "../state";
import { FileInput } from "./FileInput";

export function SoundInput({ onExample }: { onExample: (x: Float32Array) => void }) {
  const { data } = session();
  const { sound } = data.manifest;
  const [recorder, setRecorder] = useState<MediaRecorder | null>(null);
  const parts = useRef<Blob[]>([]);
  if (!sound) return <p>{t("draw.noRate")}</p>;
  const read = async (file: Blob) => {
    const context = new AudioContext();
    const decoded = await context.decodeAudioData(await file.arrayBuffer());
    await context.close();
    const channels = Array.from({ length: decoded.numberOfChannels }, (_, c) => decoded.getChannelData(c));
    const wave = resample(toMono(channels), decoded.sampleRate, sound.rate);
    onExample(logMel(wave, sound, await data.floats(sound.filters)));
  };
  const record = async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const started = new MediaRecorder(stream);
    parts.current = [];
    started.ondataavailable = (event) => parts.current.push(event.data);
    started.onstop = () => {
      for (const track of stream.getTracks()) track.stop();
      setRecorder(null);
      read(new Blob(parts.current)).catch(fail);
    };
    started.start();
    setRecorder(started);
  };
  return (
    <FileInput accept="audio/*" onFile={read} text={t("draw.sound")}>
      <button
        type="button"
        class="primary"
        onClick={() => (recorder ? recorder.stop() : record().catch(fail))}
      >
        {t(recorder ? "draw.stop" : "draw.record")}
      </button>
    </FileInput>
  );
}
