// The long run of test/chaos: npm run chaos -- --minutes 30 --seed 7 [scenario files]
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string' } },
  allowPositionals: true,
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(seed) || seed < 1) {
  console.error('usage: npm run chaos -- [--minutes N] [--seed N] [kills|server|network|sentinel|clock|python …]');
  process.exit(2);
}
console.log(`chaos: ${minutes} minutes, seed ${seed}; results are added to .cache/chaos/results.jsonl`);
const files = (positionals.length > 0 ? positionals : ['']).map((name) => `test/chaos/${name}`);
const run = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--maxWorkers', '1', ...files], {
  stdio: 'inherit',
  env: { ...process.env, TSRQ_CHAOS_MINUTES: String(minutes), TSRQ_CHAOS_SEED: String(seed) },
});
run.on('close', (code) => {
  process.exitCode = code ?? 1;
});
