import type { Key } from 'node:readline';
import type { JobEntry } from '../../info/job-list.js';
import { Overview } from '../../info/overview.js';
import type { Redis } from '../../redis/redis.js';
import { isOutage } from '../connections.js';
import type { LiveScreen, LiveView } from '../screen.js';
import { jobActions, queueActions, type Action } from './actions.js';
import { JobView } from './job-view.js';
import { isJobTab, JobSearch, namesOf, pageOf, sizesOf, sumOf, TABS, type Tab } from './source.js';
import { stepped } from './steps.js';

/** A Redis that can be looked at; connected when it is looked at first. */
export interface Place {
  readonly name: string;
  readonly connect: () => Promise<Redis>;
}

/** What the keys are for just now. */
export type Mode =
  | { readonly kind: 'list' | 'filter' | 'help' }
  | { readonly kind: 'job'; readonly view: JobView }
  | { readonly kind: 'question'; readonly text: string; readonly action: Action; readonly back: Mode };

/** Where a tab's list is: its first visible row, and the selected one. */
interface Cursor {
  from: number;
  at: number;
  filter: string;
}

/** Lines around a list: three heads, the tabs, the heads of columns; what is said, and the keys. */
const AROUND = 7;

/** The state of `tsrq top`, and what keys do to it; `render/top.ts` draws it. */
export class Top implements LiveView {
  readonly places: readonly Place[];
  readonly seconds: number;
  readonly #draw: (top: Top, columns: number, rows: number) => string[];
  readonly #overviews = new Map<Place, Overview>();
  readonly #cursors: Record<Tab, Cursor>;
  #place = 0;
  #search: JobSearch | null = null;
  /** Counts what makes a page that is being read the wrong one: other rows, another list, another Redis. */
  #turned = 0;
  #rows: number;
  tab: Tab;
  /** The queue whose jobs are shown; null for all. */
  scope: string | null = null;
  mode: Mode = { kind: 'list' };
  /** What was done last, or has failed. */
  message: string | null = null;
  outage: { readonly text: string; readonly sinceMs: number } | null = null;
  /** Of a tab of jobs, what is on the screen. */
  page: readonly JobEntry[] = [];

  constructor(options: {
    readonly places: readonly Place[];
    readonly seconds: number;
    readonly tab: Tab;
    readonly rows: number;
    readonly draw: (top: Top, columns: number, rows: number) => string[];
  }) {
    this.places = options.places;
    this.seconds = options.seconds;
    this.tab = options.tab;
    this.#rows = options.rows - 1;
    this.#draw = options.draw;
    const cursors = TABS.map((tab) => [tab, { from: 0, at: 0, filter: '' }] as const);
    this.#cursors = Object.fromEntries(cursors) as Record<Tab, Cursor>;
  }

  get place(): Place | undefined {
    return this.places[this.#place];
  }
  /** Of the Redis that is shown; null before the first look. */
  get overview(): Overview | null {
    return (this.place && this.#overviews.get(this.place)) ?? null;
  }
  get cursor(): Cursor {
    return this.#cursors[this.tab];
  }
  get search(): JobSearch | null {
    return this.#search;
  }
  /** Rows of the list that the screen has. */
  get height(): number {
    return Math.max(1, this.#rows - AROUND);
  }
  /** Rows of the list that there are. */
  get length(): number {
    const { overview, tab } = this;
    if (!overview) return 0;
    if (!isJobTab(tab)) return namesOf(overview, tab, this.cursor.filter).length;
    return this.#search === null ? sumOf(sizesOf(overview, tab, this.scope)) : this.#search.found.length;
  }

  /** The names on the screen, of a tab of names. */
  get names(): readonly string[] {
    const { overview, tab, cursor } = this;
    if (!overview || isJobTab(tab)) return [];
    return namesOf(overview, tab, cursor.filter).slice(cursor.from, cursor.from + this.height);
  }

  /** What can be done with what is selected. */
  get actions(): Action[] {
    const { overview, mode } = this;
    if (mode.kind === 'job') return jobActions(mode.view.ref);
    if (isJobTab(this.tab)) {
      const job = this.#selectedJob();
      return job ? jobActions(job) : [];
    }
    const name = this.#selectedName();
    if (this.tab !== 'queues' || name === undefined || !overview) return [];
    return queueActions(name, overview.isPaused(name), overview.counts.get(name)?.failed ?? 0);
  }

  draw(columns: number, rows: number): string[] {
    this.#rows = rows;
    this.#clamp();
    return this.#draw(this, columns, rows);
  }

  /** A Redis that goes away is told, over what was seen last; one that was never seen is an error. */
  async refresh(screen: LiveScreen): Promise<void> {
    const { place } = this;
    if (!place) return;
    const turned = this.#turned;
    try {
      const overview = this.#overviews.get(place) ?? new Overview(await place.connect());
      await overview.look({
        queues: this.tab === 'queues' ? this.names : [],
        workers: this.tab === 'workers' ? this.names : [],
      });
      this.#overviews.set(place, overview);
      this.#clamp();
      await this.#lookAtJobs(overview, screen, turned);
      if (this.mode.kind === 'job') await this.mode.view.look(overview.redis);
      this.outage = null;
    } catch (error) {
      if (!isOutage(error) || this.#overviews.size === 0) throw error;
      this.outage = { text: error.message, sinceMs: this.outage?.sinceMs ?? Date.now() };
    }
  }

  async #lookAtJobs(overview: Overview, screen: LiveScreen, turned: number): Promise<void> {
    const { tab, cursor } = this;
    if (!isJobTab(tab) || turned !== this.#turned) return;
    const sizes = sizesOf(overview, tab, this.scope);
    if (cursor.filter !== '') {
      this.#search ??= new JobSearch(tab, cursor.filter, sizes);
      const search = this.#search;
      await search.goOn(overview);
      if (turned !== this.#turned) return;
      if (!search.isOver) screen.refresh();
      this.page = search.found.slice(cursor.from, cursor.from + this.height);
      return;
    }
    const selected = this.#selectedJob()?.id;
    const page = await pageOf(overview, tab, sizes, { from: cursor.from, count: this.height });
    // A key has led elsewhere meanwhile, and has asked for another look.
    if (turned !== this.#turned) return;
    this.page = page;
    // The selection stays on its job when others come in before it.
    const now = page.findIndex(({ id }) => id === selected);
    if (now >= 0) cursor.at = cursor.from + now;
  }

  #selectedJob(): JobEntry | undefined {
    return this.page[this.cursor.at - this.cursor.from];
  }
  #selectedName(): string | undefined {
    return this.names[this.cursor.at - this.cursor.from];
  }

  /** Keeps the selection in the list, and on the screen. */
  #clamp(): void {
    const { cursor, height } = this;
    cursor.at = Math.max(0, Math.min(cursor.at, this.length - 1));
    cursor.from = Math.min(cursor.from, cursor.at, Math.max(0, this.length - height));
    cursor.from = Math.max(cursor.from, cursor.at - height + 1);
  }

  onKey(key: Key, screen: LiveScreen): void {
    const name = key.name ?? key.sequence ?? '';
    if (key.ctrl === true && name === 'c') {
      screen.close();
      return;
    }
    switch (this.mode.kind) {
      case 'help':
        this.mode = { kind: 'list' };
        break;
      case 'question':
        this.#answer(this.mode, name, screen);
        break;
      case 'filter':
        this.#typeFilter(key, screen);
        break;
      default:
        this.message = null;
        this.#command(name, key, screen);
    }
    screen.paint();
  }

  #answer({ action, back }: Mode & { kind: 'question' }, name: string, screen: LiveScreen): void {
    this.mode = back;
    if (name === 'y') this.#run(action, screen);
    else this.message = 'Nothing was done.';
  }

  #typeFilter(key: Key, screen: LiveScreen): void {
    const { cursor } = this;
    if (key.name === 'return' || key.name === 'enter') {
      this.mode = { kind: 'list' };
      return;
    }
    if (key.name === 'escape') {
      this.mode = { kind: 'list' };
      cursor.filter = '';
    } else if (key.name === 'backspace') {
      cursor.filter = cursor.filter.slice(0, -1);
    } else if (key.ctrl !== true && key.meta !== true && /^[^\p{Cc}]$/u.test(key.sequence ?? '')) {
      cursor.filter += key.sequence ?? '';
    }
    this.#startAgain(screen);
  }

  /** From the first row on. */
  #startAgain(screen: LiveScreen): void {
    this.cursor.at = 0;
    this.cursor.from = 0;
    this.#turned += 1;
    this.#search = null;
    this.page = [];
    screen.refresh();
  }

  #command(name: string, key: Key, screen: LiveScreen): void {
    const action = key.ctrl === true ? undefined : this.actions.find((one) => one.key === key.sequence);
    if (action?.question != null) this.mode = { kind: 'question', text: action.question, action, back: this.mode };
    else if (action) this.#run(action, screen);
    else if (name === 'q') screen.close();
    else if (key.sequence === '?') this.mode = { kind: 'help' };
    else if (this.mode.kind === 'job') this.#moveInJob(this.mode.view, name);
    else if (key.sequence === '/') this.mode = { kind: 'filter' };
    else if (key.sequence === 'o' && this.places.length > 1) this.#nextPlace(screen);
    else if (name === 'escape') this.#widen(screen);
    else if (name === 'return' || name === 'enter') this.#open(screen);
    else this.#move(name, key, screen);
  }

  #run(action: Action, screen: LiveScreen): void {
    const redis = this.overview?.redis;
    if (!redis) return;
    this.message = `${action.word} …`;
    const told = (text: string): void => {
      this.message = text;
      this.#search = null;
      screen.paint();
      screen.refresh();
    };
    action.run(redis).then(told, (error: unknown) => {
      told(`${action.word}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  #moveInJob(view: JobView, name: string): void {
    if (['escape', 'return', 'enter', 'backspace', 'left'].includes(name)) this.mode = { kind: 'list' };
    else
      view.from = Math.max(
        0,
        Math.min(stepped(view.from, name, this.height, view.lines().length), view.lines().length - 1),
      );
  }

  #nextPlace(screen: LiveScreen): void {
    this.#place = (this.#place + 1) % this.places.length;
    this.scope = null;
    this.outage = null;
    for (const tab of TABS) Object.assign(this.#cursors[tab], { from: 0, at: 0, filter: '' });
    this.#startAgain(screen);
  }

  #widen(screen: LiveScreen): void {
    if (this.cursor.filter !== '') this.cursor.filter = '';
    else this.scope = null;
    this.#startAgain(screen);
  }

  #open(screen: LiveScreen): void {
    if (isJobTab(this.tab)) {
      const job = this.#selectedJob();
      if (job) this.mode = { kind: 'job', view: new JobView(job) };
    } else if (this.tab === 'queues') {
      const name = this.#selectedName();
      if (name === undefined) return;
      this.scope = name;
      this.#goTo('failed', screen);
    } else {
      const worker = this.overview?.seen.get(this.#selectedName() ?? '');
      if (worker?.currentJob == null) this.message = 'This worker runs no job.';
      else this.mode = { kind: 'job', view: new JobView({ id: worker.currentJob, queue: '', state: 'started' }) };
    }
    screen.refresh();
  }

  #goTo(tab: Tab, screen: LiveScreen): void {
    this.tab = tab;
    this.#startAgain(screen);
  }

  #move(name: string, key: Key, screen: LiveScreen): void {
    const at = TABS.indexOf(this.tab);
    const isBack = name === 'left' || (name === 'tab' && key.shift === true);
    const digit = Number(name) - 1;
    if (name === 'tab' || name === 'right' || name === 'left') {
      this.#goTo(TABS[(at + (isBack ? TABS.length - 1 : 1)) % TABS.length] ?? this.tab, screen);
    } else if (TABS[digit] !== undefined) {
      this.#goTo(TABS[digit], screen);
    } else {
      const { cursor } = this;
      const from = cursor.from;
      cursor.at = stepped(cursor.at, name, this.height, this.length);
      this.#clamp();
      if (cursor.from === from || !isJobTab(this.tab)) return;
      // What comes into view is read; until then its rows are empty.
      this.page = cursor.from > from ? this.page.slice(cursor.from - from) : [];
      this.#turned += 1;
      screen.refresh();
    }
  }
}
