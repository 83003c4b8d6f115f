import { describe } from 'vitest';
import { runsAsItStands } from '../support/doc-run.js';
import { rqEnvironment } from '../support/python.js';

const environment = await rqEnvironment('2.10.0');

describe.skipIf(environment === null)('beside Python RQ 2.10', () => {
  const options = { python: environment?.bin ?? null };
  runsAsItStands('README.md', options);
  runsAsItStands('docs/coming-from-rq.md', options);
  runsAsItStands('docs/mixing-python-and-typescript.md', options);
});
