// Loaded into a worker before anything else: its wall clock jumps by an hour, forth and back, every few seconds. Timers do
// not jump: they run on the monotonic clock, as after a real change of the time.
const HOUR = 3_600_000;
const EVERY_MS = Number(process.env['TSRQ_CHAOS_JUMP_MS'] ?? 3_000);
const Real = Date;
const begin = performance.now();
const skew = () => [HOUR, 0, -HOUR, 0][Math.floor((performance.now() - begin) / EVERY_MS) % 4];

globalThis.Date = class extends Real {
  constructor(...args) {
    if (args.length === 0) super(Real.now() + skew());
    else super(...args);
  }
  static now() {
    return Real.now() + skew();
  }
};
Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + HOUR });
