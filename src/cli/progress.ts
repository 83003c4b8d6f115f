import type { Output } from './output.js';
import { age } from './render/words.js';

export interface Progress {
  readonly update: (done: number, total: number) => void;
  /** Removes the bar; may be called again. */
  readonly end: () => void;
}

/** A progress bar on a terminal; nothing elsewhere. `unit`: what is counted, in the plural. */
export async function progressBar(output: Output, label: string, unit: string): Promise<Progress> {
  if (!output.isTTY) return { update: () => undefined, end: () => undefined };
  const { SingleBar, Presets } = (await import('cli-progress')).default;
  const format = `${label} {bar} {value}/{total} ${unit} · {eta_formatted} left`;
  // Before the second figure there is no telling.
  const formatTime = (eta: unknown): string => (typeof eta === 'number' && Number.isFinite(eta) ? age(eta) : '?');
  const bar = new SingleBar(
    { format, formatTime, clearOnComplete: true, hideCursor: true, barsize: 24 },
    Presets.shades_classic,
  );
  let started = false;
  return {
    update: (done, total) => {
      if (!started) bar.start(total, done);
      started = true;
      bar.update(done);
    },
    end: () => {
      if (started) bar.stop();
      started = false;
    },
  };
}
