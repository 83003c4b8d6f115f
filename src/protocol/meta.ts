import { deserialise, serialise, serialisedBytes, type Serializer } from './payload.js';
import { PICKLE_MARK } from './pickle.js';

type Entries = readonly (readonly [unknown, unknown])[];

/** The meta of a job, as it is to be changed and written back, whoever has written it. */
export class Meta {
  /** What it holds under names; may be changed. Nothing where it cannot be read. */
  readonly values: Record<string, unknown>;
  /** It is written as it was, or as the rest of its job. */
  readonly serializer: Serializer;
  /** It holds what only Python can read: writing it would lose that. */
  readonly isUnreadable: boolean;
  /** What it holds under keys that are no texts, which only Python has. */
  readonly #others: Entries;

  private constructor(
    values: Record<string, unknown>,
    serializer: Serializer,
    { others = [], isUnreadable = false }: { others?: Entries; isUnreadable?: boolean } = {},
  ) {
    this.values = values;
    this.serializer = serializer;
    this.#others = others;
    this.isUnreadable = isUnreadable;
  }

  /** `stored`: as it is in Redis; null or empty for none. `serializer`: that of its job. */
  static read(stored: Buffer | null, serializer: Serializer): Meta {
    if (stored === null || stored.length === 0) return new Meta({}, serializer);
    const own = stored[0] === PICKLE_MARK ? 'pickle' : 'json';
    try {
      const read = deserialise(stored);
      if (read instanceof Map) return Meta.#ofEntries([...(read as Map<unknown, unknown>)], own);
      if (typeof read === 'object' && read !== null && !Array.isArray(read))
        return new Meta(read as Record<string, unknown>, own);
    } catch {
      // Of neither serializer, or with objects of classes.
    }
    return new Meta({}, own, { isUnreadable: true });
  }

  /**
   * As the readers of a job will see what it is enqueued with: whoever changes it changes nothing of what the application has, which may be
   * the default of all such jobs. Nothing where it cannot be written.
   */
  static copy(values: Readonly<Record<string, unknown>> | undefined, serializer: Serializer = 'json'): Meta {
    if (values === undefined) return new Meta({}, serializer);
    try {
      return Meta.read(serialisedBytes(serialise(values, serializer)), serializer);
    } catch {
      return new Meta({}, serializer);
    }
  }

  static #ofEntries(entries: Entries, serializer: Serializer): Meta {
    const isNamed = ([key]: readonly [unknown, unknown]): boolean => typeof key === 'string';
    const values = Object.fromEntries(entries.filter(isNamed) as [string, unknown][]);
    return new Meta(values, serializer, { others: entries.filter((entry) => !isNamed(entry)) });
  }

  /** All of it, for its serializer. */
  get whole(): Readonly<Record<string, unknown>> | ReadonlyMap<unknown, unknown> {
    if (this.#others.length === 0) return this.values;
    const named = Object.entries(this.values).filter(([, value]) => value !== undefined);
    return new Map<unknown, unknown>([...named, ...this.#others]);
  }
}
