/**
 * What Zod, Valibot, ArkType and others have in common: version 1 of the interface of https://standardschema.dev, of which
 * this is the part that is used here.
 */
export interface StandardSchemaV1<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    /** Gives the value as the schema has it, or what is wrong with it. */
    readonly validate: (value: unknown) => Outcome<Output> | Promise<Outcome<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

type Outcome<Output> = { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The value as the schema gives it back, or a sentence for each thing that is wrong with it. */
export async function validate<Output>(
  schema: StandardSchemaV1<Output>,
  value: unknown,
): Promise<{ readonly value: Output } | { readonly problems: readonly string[] }> {
  const outcome = await schema['~standard'].validate(value);
  return outcome.issues ? { problems: outcome.issues.map(sentence) } : { value: outcome.value };
}

function sentence({ path, message }: Issue): string {
  const where = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
  return where === '' ? message : `${where}: ${message}`;
}
