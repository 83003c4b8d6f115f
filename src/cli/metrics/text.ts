export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

/** A metric and its samples, in Prometheus' text format 0.0.4. */
export function family(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string[] {
  return [...head(name, type, help), ...samples.map(([labels, value]) => line(name, labels, value))];
}

/** Counts how often something was seen, by labels. */
export class Counter {
  readonly #counts = new Map<string, { readonly labels: Labels; value: number }>();

  add(labels: Labels, by = 1): void {
    const key = JSON.stringify(Object.values(labels));
    const found = this.#counts.get(key);
    if (found) found.value += by;
    else this.#counts.set(key, { labels, value: by });
  }

  get samples(): Sample[] {
    return [...this.#counts.values()].map(({ labels, value }) => [labels, value]);
  }
}

interface Distribution {
  /** How many were at most each bound and above the one before; the last: above all. */
  readonly counts: number[];
  sum: number;
}

/** How values are distributed, by queue. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #byQueue = new Map<string, Distribution>();

  /** `bounds`: upper bounds of the buckets, rising. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  observe(queue: string, value: number): void {
    let found = this.#byQueue.get(queue);
    if (!found) {
      found = { counts: new Array<number>(this.#bounds.length + 1).fill(0), sum: 0 };
      this.#byQueue.set(queue, found);
    }
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    const at = bucket === -1 ? this.#bounds.length : bucket;
    found.counts[at] = (found.counts[at] ?? 0) + 1;
    found.sum += value;
  }

  lines(name: string, help: string): string[] {
    const lines = head(name, 'histogram', help);
    for (const [queue, { counts, sum }] of this.#byQueue) {
      let total = 0;
      for (const [i, count] of counts.entries()) {
        total += count;
        const le = i < this.#bounds.length ? String(this.#bounds[i]) : '+Inf';
        lines.push(line(`${name}_bucket`, { queue, le }, total));
      }
      lines.push(line(`${name}_sum`, { queue }, sum), line(`${name}_count`, { queue }, total));
    }
    return lines;
  }
}

const head = (name: string, type: string, help: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

const escape = (text: string): string => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
