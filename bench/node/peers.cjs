// The same measurements as bench_threads and bench_pool, with Node's worker_threads and piscina.
// Prints "name value" lines for bench/node_peers.sh.  node peers.cjs threads|pool SECONDS
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { performance } = require('node:perf_hooks');
const { once } = require('node:events');
const os = require('node:os');
const path = require('node:path');

if (!isMainThread) {
  parentPort.on('message', (message) => parentPort.postMessage(message));
} else {
  main(process.argv[2], Number(process.argv[3] || 1));
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

async function echoes(seconds) {
  const worker = new Worker(__filename);
  await once(worker, 'online');
  const end = performance.now() + seconds * 1000;
  const began = performance.now();
  let count = 0;
  await new Promise((resolve) => {
    worker.on('message', (message) => {
      ++count;
      if (count % 256 === 0 && performance.now() > end) return resolve();
      worker.postMessage(message);
    });
    for (let i = 0; i < 64; ++i) worker.postMessage(i);
  });
  const rate = (count / (performance.now() - began)) * 1000;
  await worker.terminate();
  return rate;
}

async function roundTrip() {
  const worker = new Worker(__filename);
  await once(worker, 'online');
  const times = [];
  for (let i = 0; i < 3000; ++i) {
    const began = performance.now();
    worker.postMessage(i);
    await once(worker, 'message');
    times.push((performance.now() - began) * 1000);
  }
  await worker.terminate();
  return median(times);
}

async function threads(seconds) {
  const before = process.memoryUsage.rss();
  const idle = [];
  for (let i = 0; i < 16; ++i) {
    const worker = new Worker(__filename);
    worker.postMessage(1);
    await once(worker, 'message');
    idle.push(worker);
  }
  console.log('memory_kb', (process.memoryUsage.rss() - before) / 16 / 1024);
  for (const worker of idle) await worker.terminate();

  const online = [];
  for (let i = 0; i < 30; ++i) {
    const began = performance.now();
    const worker = new Worker(__filename);
    await once(worker, 'online');
    online.push((performance.now() - began) * 1000);
    await worker.terminate();
  }
  console.log('online_us', median(online));
  console.log('round_trip_us', await roundTrip());
  console.log('echoes', await echoes(seconds));
}

async function pool(seconds) {
  const { Piscina } = require('piscina');
  const threads = os.availableParallelism();
  const piscina = new Piscina({
    filename: path.join(__dirname, 'task.cjs'),
    minThreads: threads,
    maxThreads: threads,
  });
  let done = 0;
  let end = performance.now() + 300;
  const one = async () => {
    for (let value = 0; performance.now() < end; ++done) value = await piscina.run(value);
  };
  const all = () => Promise.all(Array.from({ length: 64 }, one));
  await all(); // until it is warm
  done = 0;
  const began = performance.now();
  end = began + seconds * 1000;
  await all();
  console.log('tasks', (done / (performance.now() - began)) * 1000);
  await piscina.destroy();
}

async function main(what, seconds) {
  await (what === 'pool' ? pool(seconds) : threads(seconds));
}
