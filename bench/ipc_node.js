// What bench_ipc measures, with Node's cluster: node ipc_node.js SECONDS
const cluster = require('node:cluster');

if (cluster.isWorker) {
  process.on('message', (message) => process.send(message));
} else {
  const seconds = Number(process.argv[2]);
  const worker = cluster.fork();
  let echoes = 0;
  let began = 0;
  worker.on('message', (message) => {
    if (echoes++ === 0) began = performance.now();
    const took = (performance.now() - began) / 1000;
    if (took < seconds) return worker.send(message);
    console.log(Math.round(echoes / took));
    process.exit(0);
  });
  for (let i = 0; i < 64; ++i) worker.send('x'.repeat(64));
}
