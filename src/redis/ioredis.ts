// What tsrq uses of ioredis. A module of its own, so that the library can have it as a file of its own (docs/decisions/0009).
export { Redis } from 'ioredis';
