// The meeting of a team: everybody's picture and sound, with the names that the server knows them by.

import { MeetRoom, attach } from '/meet-signal/index.js';
import { showPeople } from './people.js';

const meeting = document.getElementById('meeting');
const status = document.getElementById('status');
const room = new MeetRoom(meeting.dataset.signal);
let camera = null;

showPeople(room, {
  list: document.getElementById('people'),
  title: document.getElementById('people-title'),
  dialog: document.getElementById('remove'),
  news: document.getElementById('news'),
});

room.on('sourceadded', ({ detail: { peer, source } }) => {
  show(`${peer.id}/${source.name}`, peer.meta.name, source.stream);
});
room.on('sourceremoved', ({ detail: { peer, source } }) => {
  document.getElementById(`${peer.id}/${source.name}`).remove();
});

room.on('statechange', ({ detail: { state, reason } }) => {
  if (state === 'closed' && reason !== null) end(reason);
});

/** Releases the camera. */
function end(reason) {
  for (const track of camera?.getTracks() ?? []) track.stop();
  document.getElementById('self')?.remove();
  explain(reason);
}

function explain({ code, message }) {
  status.textContent = `No meeting: ${WORDS[code] ?? message}. `;
  if (code === 'unauthorized') addLink('/login', 'Log in');
  if (code === 'kicked' || code === 'duplicate') addLink(location.href, 'Join again');
  // What had the focus may be gone.
  if (document.activeElement === document.body) status.focus();
}

function addLink(href, text) {
  const link = status.appendChild(document.createElement('a'));
  link.href = href;
  link.textContent = text;
}

function show(id, name, stream, options) {
  const figure = meeting.appendChild(document.createElement('figure'));
  figure.id = id;
  const video = figure.appendChild(document.createElement('video'));
  figure.appendChild(document.createElement('figcaption')).textContent = name;
  attach(video, stream, options);
}

const WORDS = {
  duplicate: 'you have joined this meeting on another page',
};

try {
  camera = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  show('self', 'You', camera, { muted: true });
  room.publish('camera', camera);
  await room.join();
  status.textContent = '';
} catch (error) {
  end(error);
}
