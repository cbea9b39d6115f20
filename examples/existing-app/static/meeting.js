// The meeting of a team: everybody's picture and sound, with the names that the server knows them by.

import { MeetRoom, attach } from '/meet-signal/index.js';

const meeting = document.getElementById('meeting');
const status = document.getElementById('status');
const room = new MeetRoom(meeting.dataset.signal);

room.on('sourceadded', ({ detail: { peer, source } }) => {
  show(`${peer.id}/${source.name}`, peer.meta.name, source.stream);
});
room.on('sourceremoved', ({ detail: { peer, source } }) => {
  document.getElementById(`${peer.id}/${source.name}`).remove();
});

room.on('statechange', ({ detail: { state, reason } }) => {
  if (state === 'closed' && reason !== null) explain(reason);
});

function explain({ code, message }) {
  status.textContent = `No meeting: ${message}. `;
  if (code !== 'unauthorized') return;
  const link = status.appendChild(document.createElement('a'));
  link.href = '/login';
  link.textContent = 'Log in';
}

function show(id, name, stream, options) {
  const figure = meeting.appendChild(document.createElement('figure'));
  figure.id = id;
  const video = figure.appendChild(document.createElement('video'));
  figure.appendChild(document.createElement('figcaption')).textContent = name;
  attach(video, stream, options);
}

try {
  const camera = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  show('self', 'You', camera, { muted: true });
  room.publish('camera', camera);
  await room.join();
  status.textContent = '';
} catch (error) {
  explain(error);
}
