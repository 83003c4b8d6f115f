import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';

const TYPESCRIPT = new Set(['.ts', '.mts', '.cts']);

/** Loads a JavaScript or TypeScript module. TypeScript needs no build step, on every supported Node. */
export async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  if (!TYPESCRIPT.has(extname(file))) {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  }
  const { createJiti } = await import('jiti');
  const jiti = createJiti(import.meta.url, { interopDefault: true, nativeModules: ['tsrq'] });
  return jiti.import<Record<string, unknown>>(file);
}
