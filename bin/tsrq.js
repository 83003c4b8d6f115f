#!/usr/bin/env node
'use strict';
const module_ = require('node:module');

// Checked before anything else is loaded, in syntax that old versions of Node can read.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`tsrq: Node ${process.versions.node} is too old: version 20.19 or newer is needed`);
  process.exit(2);
}
// While code is loaded V8 would give the youngest objects ever more room, and may use its optimizing compiler, which takes some; an idle worker
// would keep both. Its first job ends this.
if (process.argv[2] === 'worker')
  for (const flag of ['--semi-space-growth-factor=1', '--no-opt']) require('node:v8').setFlagsFromString(flag);
// What these signals do by default would end a worker whose code is still being loaded; there is nothing to reload or to show yet.
if (['worker', 'worker-pool', 'cron'].includes(process.argv[2]))
  for (const signal of ['SIGHUP', 'SIGUSR2']) process.on(signal, () => {});
// Node 22 and newer keep compiled code for the next start.
if (module_.enableCompileCache) module_.enableCompileCache();
// What Node says of a module that waits for what never comes; `main` ends the process with a code of its own.
process.exitCode = 13;
void require('../dist/cli/bundle/main.js').main(process.argv.slice(2));
