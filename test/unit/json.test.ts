import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DOCUMENTS, documentOf } from '../support/json/documents.js';
import { jsonSchemaOf, pageOf } from '../support/json/publish.js';

const SCHEMAS = fileURLToPath(new URL('../../schemas/', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/json.md', import.meta.url));

/** With -u they are written. */
describe('what is published of the JSON of commands is as the tests of the commands have it', () => {
  it.each(DOCUMENTS)('schemas/$name.json', async (document) => {
    await expect(`${JSON.stringify(jsonSchemaOf(document), null, 2)}\n`).toMatchFileSnapshot(
      `${SCHEMAS}${document.name}.json`,
    );
  });

  it('schemas/ has no others', () => {
    const names = DOCUMENTS.map(({ name }) => `${name}.json`);
    expect(readdirSync(SCHEMAS).filter((file) => !names.includes(file))).toEqual([]);
  });

  it('docs/json.md', async () => {
    await expect(`${pageOf(DOCUMENTS)}\n`).toMatchFileSnapshot(PAGE);
  });
});

it('the tests of the commands refuse a field that is not described, and miss one that is', () => {
  const { schema } = documentOf('config');
  const value = { path: 'worker.burst', value: false, source: 'default' };
  const fits = (one: object): boolean => schema.safeParse({ file: null, values: [one] }).success;
  expect(fits(value)).toBe(true);
  expect(fits({ ...value, more: 1 })).toBe(false);
  for (const name of Object.keys(value)) expect(fits({ ...value, [name]: undefined })).toBe(false);
});

it('what users check with bears fields that come later', () => {
  const published = JSON.stringify(DOCUMENTS.map(jsonSchemaOf));
  expect(published).not.toContain('"additionalProperties":false');
  expect(published).toContain('"additionalProperties":{"type":"integer"');
});
