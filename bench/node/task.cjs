// What piscina's threads run: as bench_pool's job.
module.exports = (value) => value + 1;
