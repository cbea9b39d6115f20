// A site whose calls simple-peer makes, with rooms on Socket.IO: who joins gets the ids of those that are there.

import { Server } from 'socket.io';

import { listen, site } from './site.js';

const { server } = site();
const io = new Server(server);

io.on('connection', (socket) => {
  socket.on('join', (room, acknowledge) => {
    const others = [...io.sockets.adapter.rooms.get(room) ?? []];
    socket.join(room);
    acknowledge(others);
  });
  socket.on('signal', ({ to, data }) => {
    socket.to(to).emit('signal', { from: socket.id, data });
  });
});
listen(server);
