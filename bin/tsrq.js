#!/usr/bin/env node
// Checked before anything else is loaded, in syntax that old versions of Node can read.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`tsrq: Node ${process.versions.node} is too old: version 20.19 or newer is needed`);
  process.exit(2);
}
const { main } = await import('../dist/cli/main.js');
await main(process.argv.slice(2));
