import { z } from 'zod';
import type { JsonDocument } from './fields.js';

type Schema = z.core.JSONSchema.BaseSchema;

/**
 * The JSON Schema of a document, as it is published. It allows fields that it does not know: they may be added in minor
 * versions, and what validates today must validate then.
 */
export function jsonSchemaOf({ commands, schema }: JsonDocument): Schema {
  const made = z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => {
      simplify(jsonSchema);
    },
  });
  return { title: commands.map((command) => `tsrq ${command} --json`).join(', '), ...made };
}

/** Takes out what zod says of numbers and dates as such, and what makes a schema strict. */
function simplify(schema: Schema): void {
  if (schema.additionalProperties === false) delete schema.additionalProperties;
  if (schema.format === 'date-time') delete schema.pattern;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  const [field, none] = schema.anyOf ?? [];
  if (schema.anyOf?.length !== 2 || none?.type !== 'null' || typeof field?.type !== 'string') return;
  delete schema.anyOf;
  Object.assign(schema, { ...field, ...schema, type: [field.type, 'null'] });
}

/** What `docs/json.md` is made of. */
export function pageOf(documents: readonly JsonDocument[]): string {
  const schemas = documents.map((document) => ({ document, schema: jsonSchemaOf(document) }));
  const objects = new Map(schemas.flatMap(({ schema }) => Object.entries(schema.$defs ?? {})));
  return [
    INTRODUCTION,
    ...schemas.map(({ document: { name, commands, about }, schema }) =>
      section(`## ${commands.join(', ')}`, [about, `[Schema](../schemas/${name}.json).`].join(' ').trim(), schema),
    ),
    '## Objects\n\nThose that stand in several documents, or are one of several things that may stand at a place.',
    ...[...objects]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, schema]) => section(`### ${id}`, schema.description ?? '', schema)),
  ].join('\n\n');
}

const INTRODUCTION = `<!-- Made from test/support/json/ by \`npx vitest run test/unit/json.test.ts -u\`. -->

# What \`--json\` prints

Of each command: its fields, what they hold, what they mean. The same is in the package as JSON Schema, one file a document:
\`node_modules/tsrq/schemas/info.json\`, or \`tsrq/schemas/info.json\` for \`import\`. A test holds every command to it.

- **One document** on stdout; one a line of \`tail\` and of \`info --interval\`. All else goes to stderr. A command that fails before it has
  found or done anything (wrong option, wrong configuration, Redis away) prints nothing on stdout; one that fails later, nothing or a complete document. The
  [exit code](cli.md) is the same as without \`--json\`.
- **Stable**: fields may be added in minor versions, as may words where a list of words is given; none is removed, renamed or changed in
  its meaning before a major one. The published schemas allow fields that they do not know.
- **Times** are ISO 8601 in UTC: \`2030-01-02T03:04:05.678Z\`. Durations are seconds, with fractions. What is not known is null; no field is
  left out, unless the table says that it may be absent. Order of fields and blanks mean nothing.
- **Values** of jobs are as JSON can hold them: of pickled ones, large integers are texts, sets and maps lists, dates texts.

\`worker\`, \`worker-pool\`, \`scheduler\`, \`cron\` that runs, \`completion\`, \`unit\` and \`demo\` have nothing to print as JSON (logs: \`--log-format json\`);
\`metrics\`, \`top\`, \`job show --watch\` and \`job list --ids\` refuse it.`;

const section = (heading: string, about: string, schema: Schema): string =>
  [heading, ...(about === '' ? [] : [about]), table(schema)].join('\n\n');

const table = (schema: Schema): string =>
  ['| Field | | |', '| --- | --- | --- |', ...rows(schema, '').map((cells) => `| ${cells.join(' | ')} |`)].join('\n');

/** A line for each field, those of objects in it behind it. */
function rows(schema: Schema, prefix: string): string[][] {
  return fieldsOf(schema).flatMap(({ name, shapes, optional }) => {
    const about = shapes.find(({ description }) => description !== undefined)?.description ?? '';
    const path = `${prefix}${name}`;
    return [
      [`\`${path}\``, `${typeOf(...shapes)}${optional ? ', may be absent' : ''}`, about],
      ...shapes.flatMap((shape) => below(shape, path)),
    ];
  });
}

interface Field {
  readonly name: string;
  /** One, or as many as there are alternatives. */
  readonly shapes: readonly Schema[];
  readonly optional: boolean;
}

/** The fields of an object, or of all objects that may stand there. */
function fieldsOf(schema: Schema): Field[] {
  // Those with a section of their own are not shown here.
  const alternatives = (schema.anyOf ?? [schema]).filter(({ $ref }) => $ref === undefined);
  const names = new Set(alternatives.flatMap(({ properties }) => Object.keys(properties ?? {})));
  return [...names].map((name) => ({
    name,
    shapes: alternatives.flatMap(({ properties }) => (properties?.[name] ?? []) as Schema[]),
    optional: !alternatives.every(({ required }) => required?.includes(name) === true),
  }));
}

function below(shape: Schema, path: string): string[][] {
  const items = shape.items as Schema | undefined;
  return items ? rows(items, `${path}[].`) : rows(shape, `${path}.`);
}

/** `text or null`, of one shape or of several. */
const typeOf = (...shapes: Schema[]): string => [...new Set(shapes.flatMap(typesOf))].join(' or ');

function typesOf(schema: Schema): string[] {
  if (schema.$ref !== undefined) {
    const id = schema.$ref.split('/').at(-1) ?? '';
    return [`[${id}](#${id.toLowerCase()})`];
  }
  if (schema.anyOf) return schema.anyOf.flatMap(typesOf);
  if (schema.const !== undefined) return [`\`${JSON.stringify(schema.const)}\``];
  if (schema.enum) return [schema.enum.map((word) => `\`${String(word)}\``).join(', ')];
  return schema.type === undefined ? ['any'] : [schema.type].flat().map((type) => wordOf(type, schema));
}

function wordOf(type: string, { items, format }: Schema): string {
  if (type === 'array') return `list of ${plural(typeOf(items as Schema))}`;
  if (type === 'string') return format === 'date-time' ? 'time' : 'text';
  return type === 'boolean' ? 'true or false' : type;
}

const plural = (type: string): string => (['text', 'time', 'object', 'integer'].includes(type) ? `${type}s` : type);
