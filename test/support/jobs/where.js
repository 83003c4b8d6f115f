/** The process that ran it, after so many milliseconds. */
export const pid = async (ms = 0) => {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  return process.pid;
};
