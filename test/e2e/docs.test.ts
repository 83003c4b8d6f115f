import { runsAsItStands } from '../support/doc-run.js';

runsAsItStands('docs/quick-start.md');
runsAsItStands('docs/faq.md');
runsAsItStands('docs/coming-from-bullmq.md', { packages: ['bullmq', 'ioredis'] });
