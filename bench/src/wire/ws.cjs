// A room in Node: what somebody says goes to everybody. The load tool starts it as `node ws.cjs PORT`.
const { WebSocketServer } = require('ws');

const room = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), perMessageDeflate: false, backlog: 4096 });

room.on('connection', (member) => {
  member.on('message', (text) => {
    for (const other of room.clients) other.send(text, { binary: false });
  });
});
