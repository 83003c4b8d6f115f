import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

/** What is told of an error: the text that is stored with a failed job, and one line for the log. */
export interface ErrorText {
  readonly error: string;
  readonly summary: string;
}

const MAX_ERROR_LENGTH = 64 * 1024;

/** Describes whatever was thrown. */
export function describeError(error: unknown): ErrorText {
  let text: string;
  let line: string;
  try {
    text =
      error instanceof Error
        ? withoutOwnFrames(inspect(error, { depth: 4, breakLength: 120 }))
        : `thrown: ${inspect(error, { depth: 4 })}`;
    line = error instanceof Error ? `${error.name}: ${error.message}` : text;
  } catch (failure) {
    text = line = `an error that cannot be shown: ${String(failure)}`;
  }
  if (text.length > MAX_ERROR_LENGTH) text = `${text.slice(0, MAX_ERROR_LENGTH)}\n… (${text.length} characters in all)`;
  return { error: text, summary: (line.split('\n')[0] ?? line).slice(0, 300) };
}

/** The frames of a stack below the handler are the worker's, of no use to whoever reads the error. */
function withoutOwnFrames(text: string): string {
  const own = (line: string): boolean => /^\s+at /.test(line) && OWN_FRAMES.some((place) => line.includes(place));
  return text
    .split('\n')
    .filter((line) => !own(line))
    .join('\n');
}

const HERE = new URL('.', import.meta.url);
/** Frames of ES modules have an address, those of CommonJS a path. */
const OWN_FRAMES = [
  ...[HERE.href, fileURLToPath(HERE), '/jobs/current-job.', '/jobs/tracing.'],
  ...['node:async_hooks', 'node:diagnostics_channel'],
];

/** An error, and what its callback did wrong; in Python's words, so that whoever searches for them finds both. */
export function bothErrors(first: ErrorText, second: ErrorText): ErrorText {
  return {
    error: `${first.error}\n\nDuring handling of the above exception, another exception occurred:\n\n${second.error}`,
    summary: `${first.summary}; its callback failed too: ${second.summary}`,
  };
}
