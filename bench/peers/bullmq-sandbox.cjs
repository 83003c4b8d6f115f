const ms = Number(process.env.BENCH_MS);
module.exports = ms > 0 ? () => new Promise((resolve) => setTimeout(resolve, ms, null)) : async () => null;
