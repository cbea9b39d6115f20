// Rooms on Socket.IO, with the handlers of its documentation: the same as `rust/src/main.rs`.

import { Server } from 'socket.io';

const io = new Server(Number(process.argv[2]));

io.on('connection', (socket) => {
  socket.on('join', (room, acknowledge) => {
    socket.join(room);
    socket.data.room = room;
    socket.to(room).emit('joined', socket.id);
    acknowledge('ok');
  });
  socket.on('signal', ({ to, data }) => {
    socket.to(to).emit('signal', { from: socket.id, data });
  });
  socket.on('broadcast', (data) => {
    socket.to(socket.data.room).emit('broadcast', { from: socket.id, data });
  });
});
