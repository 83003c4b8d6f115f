/** The layers of docs/architecture.md. Imports point downwards; each rule says why it is there. */
const layer = (name) => `^src/${name}(/|\\.ts$)`;
const above = (name, others) => ({
  name: `${name}-knows-nothing-above-it`,
  comment: `${name} must stay usable, testable and replaceable without what is built on it`,
  severity: 'error',
  from: { path: layer(name) },
  to: { path: others.map(layer).join('|') },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'modules in a circle can only be understood together',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    above('clock', [
      'errors',
      'protocol',
      'redis',
      'config',
      'queue',
      'info',
      'doctor',
      'worker',
      'jobs',
      'cron',
      'app',
      'cli',
    ]),
    above('errors', ['protocol', 'redis', 'config', 'queue', 'info', 'doctor', 'worker', 'jobs', 'cron', 'app', 'cli']),
    above('protocol', ['redis', 'config', 'queue', 'info', 'doctor', 'worker', 'jobs', 'cron', 'app', 'cli']),
    above('redis', ['queue', 'info', 'doctor', 'worker', 'jobs', 'cron', 'app', 'cli']),
    above('config', ['queue', 'info', 'doctor', 'worker', 'jobs', 'cron', 'app', 'cli']),
    above('queue', ['info', 'doctor', 'worker', 'jobs', 'cron', 'app', 'cli']),
    above('jobs', ['queue', 'info', 'doctor', 'worker', 'cron', 'app', 'cli']),
    above('info', ['doctor', 'worker', 'jobs', 'cron', 'app', 'cli']),
    above('doctor', ['worker', 'jobs', 'cron', 'app', 'cli']),
    above('worker', ['info', 'doctor', 'cron', 'app', 'cli']),
    above('cron', ['info', 'doctor', 'worker', 'jobs', 'app', 'cli']),
    above('app', ['cli']),
    above('cli', ['app']),
    {
      name: 'only-the-edge-reads-config',
      comment: 'settings are read once, at the edge; everything else is given values and can be used without a file',
      severity: 'error',
      from: { path: '^src/', pathNot: [layer('cli'), layer('app'), layer('config')] },
      to: { path: layer('config') },
    },
    {
      name: 'ioredis-only-in-redis',
      comment: 'one folder to change when the client is replaced',
      severity: 'error',
      from: { pathNot: layer('redis') },
      to: { path: '(^|/)ioredis(/|$)' },
    },
    {
      name: 'protocol-is-pure',
      comment: 'the wire format is values in, bytes out: no I/O',
      severity: 'error',
      from: { path: layer('protocol') },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(zlib|buffer)$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
