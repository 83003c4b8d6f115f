import { z } from 'zod';

/** What fields are made of. Everything is strict: a field that no schema knows fails a test, and so gets into the documents. */
export const object = z.strictObject;

/** An object that has a section of its own in docs/json.md, and a definition of its own in the JSON Schema. */
export const named = <T extends z.ZodType>(id: string, about: string, schema: T): T =>
  schema.meta({ id, description: about });

export const text = (about: string): z.ZodString => z.string().describe(about);
export const flag = (about: string): z.ZodBoolean => z.boolean().describe(about);
export const count = (about: string): z.ZodInt => z.int().min(0).describe(about);
/** In seconds, with fractions. */
export const seconds = (about: string): z.ZodNumber => z.number().min(0).describe(about);
/** ISO 8601, in UTC, with a Z. */
export const moment = (about: string): z.ZodISODateTime => z.iso.datetime().describe(about);
export const words = <const T extends readonly [string, ...string[]]>(
  list: T,
  about: string,
): z.ZodEnum<{ [K in T[number]]: K }> => z.enum(list).describe(about);
export const list = <T extends z.ZodType>(item: T, about: string): z.ZodArray<T> => z.array(item).describe(about);
/** What a job was given or has returned: any JSON. */
export const value = (about: string): z.ZodUnknown =>
  z
    .unknown()
    .refine((found) => found !== undefined, 'is not there')
    .describe(about);

/** The same field, which may be null. */
export const orNull = <T extends z.ZodType>(field: T): z.ZodNullable<T> =>
  field.nullable().describe(field.description ?? '');

export const connection = text('name of the connection in the configuration; `default` if there is one only');

/** What a command prints with `--json`. */
export interface JsonDocument {
  /** Of the published file, without its ending. */
  readonly name: string;
  /** As they are typed, without `--json`. */
  readonly commands: readonly string[];
  readonly about: string;
  readonly schema: z.ZodType;
}
