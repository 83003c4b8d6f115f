import { describe, expect, it } from 'vitest';
import { widthOf } from '../../../src/cli/render/words.js';
import { everyCommand } from '../../support/commands.js';

describe.each(await everyCommand())('%s --help', (_typed, command) => {
  let text = '';
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
    getOutHelpWidth: () => 80,
  });
  command.outputHelp();

  it('has examples', () => {
    expect(text).toMatch(/^Examples:\n( {2}\$ .*tsrq.*(\n|$))+/m);
  });

  it('has no line of more than 80 columns', () => {
    expect(text.split('\n').filter((line) => widthOf(line) > 80)).toEqual([]);
  });
});
