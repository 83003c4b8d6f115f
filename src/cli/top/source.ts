import type { JobEntry } from '../../info/job-list.js';
import { readJobPage, type Sizes } from '../../info/job-page.js';
import type { RegisteredState } from '../../info/job-places.js';
import type { Overview } from '../../info/overview.js';

export const TABS = ['queues', 'workers', 'running', 'failed', 'scheduled'] as const;
export type Tab = (typeof TABS)[number];
export type JobTab = Exclude<Tab, 'queues' | 'workers'>;

const STATES = { running: 'started', failed: 'failed', scheduled: 'scheduled' } as const satisfies Record<
  JobTab,
  RegisteredState
>;
const REGISTRY = { running: 'wip', failed: 'failed', scheduled: 'scheduled' } as const;

export const isJobTab = (tab: Tab): tab is JobTab => tab !== 'queues' && tab !== 'workers';

/** How many jobs of a tab each queue has; `scope`: of that queue alone. */
export function sizesOf(overview: Overview, tab: JobTab, scope: string | null): Sizes {
  const names = scope === null ? overview.queues : [scope];
  return names.flatMap((name) => {
    const size = overview.counts.get(name)?.[REGISTRY[tab]] ?? 0;
    return size > 0 ? [[name, size] as const] : [];
  });
}

export const sumOf = (sizes: Sizes): number => sizes.reduce((sum, [, size]) => sum + size, 0);

/** The names of a tab that hold the text. */
export function namesOf(overview: Overview, tab: 'queues' | 'workers', filter: string): readonly string[] {
  const names = tab === 'queues' ? overview.queues : overview.workers;
  return filter === '' ? names : names.filter((name) => name.toLowerCase().includes(filter.toLowerCase()));
}

export const pageOf = (
  overview: Overview,
  tab: JobTab,
  sizes: Sizes,
  range: { readonly from: number; readonly count: number },
): Promise<JobEntry[]> => readJobPage(overview.redis, STATES[tab], sizes, range);

/** Entries of one look for a filter, and what is kept of those that fit. */
const [PAGE, MOST] = [200, 500];

/** Jobs of a tab in whose id, queue, description or error a text stands, found page by page. */
export class JobSearch {
  readonly #tab: JobTab;
  readonly #text: string;
  readonly #sizes: Sizes;
  readonly found: JobEntry[] = [];
  readonly total: number;
  looked = 0;

  constructor(tab: JobTab, text: string, sizes: Sizes) {
    this.#tab = tab;
    this.#text = text.toLowerCase();
    this.#sizes = sizes;
    this.total = sumOf(sizes);
  }

  get isOver(): boolean {
    return this.looked >= this.total || this.found.length >= MOST;
  }

  /** Looks at the next page. */
  async goOn(overview: Overview): Promise<void> {
    if (this.isOver) return;
    const page = await pageOf(overview, this.#tab, this.#sizes, { from: this.looked, count: PAGE });
    this.looked += PAGE;
    this.found.push(...page.filter((entry) => this.#fits(entry)));
  }

  #fits({ id, queue, description, functionName, error }: JobEntry): boolean {
    return [id, queue, description, functionName, error].some((text) => text?.toLowerCase().includes(this.#text));
  }
}
