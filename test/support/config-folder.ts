import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '../../src/config/load.js';
import type { FlagValues, Settings } from '../../src/config/settings.js';
import { TsrqError } from '../../src/errors.js';

/** A folder to load the configuration in, apart from the files of the user and the system. */
export class ConfigFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'tsrq-test-config-'));

  write(name: string, content: unknown): string {
    const path = join(this.path, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  }

  load(flags: Partial<FlagValues> = {}, env: Record<string, string> = {}): Promise<Settings> {
    return loadSettings({ flags, env: { XDG_CONFIG_HOME: join(this.path, 'nowhere'), ...env }, cwd: this.path });
  }

  /** The effective configuration with this file. */
  async with(file: unknown, env: Record<string, string> = {}, flags: Partial<FlagValues> = {}): Promise<Settings> {
    this.write('.tsrqrc.json', file);
    return this.load(flags, env);
  }

  /** The lines of the problems with this file, without the heading and without its path. */
  async problems(file: unknown, env: Record<string, string> = {}): Promise<string[]> {
    const path = this.write('.tsrqrc.json', file);
    try {
      await this.load({}, env);
    } catch (error) {
      if (!(error instanceof TsrqError) || error.code !== 'CONFIG') throw error;
      const lines = error.message.split('\n').slice(1);
      return lines.map((line) => line.trim().replace(path, 'file'));
    }
    return [];
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
