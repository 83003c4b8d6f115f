import { runsAsItStands } from '../support/doc-run.js';

runsAsItStands('docs/quick-start.md');
