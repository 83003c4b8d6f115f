/** What a loop sleeps on. A call that comes while it is awake is not lost: the next sleep ends at once. */
export class Wake {
  #awake = true;
  #resolve: () => void = () => undefined;

  rouse(): void {
    this.#awake = true;
    this.#resolve();
  }

  /** Returns when somebody has roused it since the last time. */
  async sleep(): Promise<void> {
    if (!this.#awake) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    this.#awake = false;
  }
}
