/** Now, in milliseconds since the epoch with a fraction: RQ's dates have microseconds. */
export const clock = (): number => performance.timeOrigin + performance.now();
