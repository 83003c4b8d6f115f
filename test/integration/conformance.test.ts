import { describe } from 'vitest';
import { QueueWait } from '../../src/redis/blocking.js';
import { connect } from '../../src/redis/connect.js';
import { subscribe } from '../../src/redis/subscribe.js';
import { conformance } from '../support/conformance.js';

describe('ioredis behind the interface', () => {
  conformance({ connect, QueueWait, subscribe });
});
