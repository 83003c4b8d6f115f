/** The process that ran it, after so many milliseconds. */
export const pid = async (ms = 0) => {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  return process.pid;
};
/** The same, without letting anything else in. */
export const spin = (ms) => {
  for (const end = Date.now() + ms; Date.now() < end;);
  return process.pid;
};
export const die = () => process.exit(3);
/** Says so to whoever may have forked this process, and whether it could. */
export const sayReady = () => {
  process.send?.('ready');
  return typeof process.send;
};
