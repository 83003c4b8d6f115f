/** A function that is called when a job has ended. */
export interface Callback {
  /** As a job's function is named. */
  readonly name: string;
  /** Seconds it may take; -1 for no limit. */
  readonly timeoutSeconds: number;
}

/** RQ's three. */
export interface Callbacks {
  readonly onSuccess: Callback | null;
  readonly onFailure: Callback | null;
  readonly onStopped: Callback | null;
}

/** RQ's CALLBACK_TIMEOUT. */
export const CALLBACK_TIMEOUT_SECONDS = 60;

/** Seconds of a timeout as it is stored; RQ's where there is none, or none that is one. */
export const readCallbackTimeout = (text: string | null | undefined): number =>
  text != null && /^-?\d+$/.test(text) ? Number(text) : CALLBACK_TIMEOUT_SECONDS;

/** The fields of a job in which they stand. */
export function callbackFields({ onSuccess, onFailure, onStopped }: Callbacks): [field: string, value: string][] {
  const fields = (word: string, callback: Callback | null): [string, string][] =>
    callback === null
      ? []
      : [
          [`${word}_callback_name`, callback.name],
          [`${word}_callback_timeout`, String(callback.timeoutSeconds)],
        ];
  return [...fields('success', onSuccess), ...fields('failure', onFailure), ...fields('stopped', onStopped)];
}
