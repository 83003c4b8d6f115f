import { readFileSync } from 'node:fs';
import { defaultLoaders } from 'cosmiconfig';

const file = (name: string): string => new URL(`../../examples/deploy/${name}`, import.meta.url).pathname;

/** The text of a file of examples/deploy. */
export const deployText = (name: string): string => readFileSync(file(name), 'utf8');

/** The documents of a YAML file there; throws where it is none. */
export const deployDocuments = <T>(name: string): T[] =>
  deployText(name)
    .split(/^---$/m)
    .map((text) => defaultLoaders['.yaml'](file(name), text) as T);

/** The arguments of an instruction of the Dockerfile that is in the exec form, as `CMD ["tsrq", "worker"]`. */
export function instruction(word: string): string[] {
  const [, list = ''] = new RegExp(`^${word} .*?(\\[.*\\])$`, 'm').exec(deployText('Dockerfile')) ?? [];
  return JSON.parse(list) as string[];
}
