#!/usr/bin/env node
import module from 'node:module';
import { setFlagsFromString } from 'node:v8';

// Checked before anything else is loaded, in syntax that old versions of Node can read.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`tsrq: Node ${process.versions.node} is too old: version 20.19 or newer is needed`);
  process.exit(2);
}
// While code is loaded V8 would give the youngest objects ever more room, and an idle worker would keep it. Its first job ends this.
if (process.argv.includes('worker')) setFlagsFromString('--semi-space-growth-factor=1');
// Node 22 and newer keep compiled code for the next start.
module.enableCompileCache?.();
const { main } = await import('../dist/cli/bundle/main.js');
await main(process.argv.slice(2));
