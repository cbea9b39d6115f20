// The home page: a friendly meeting name, and a straight way to its room.

import { addressOfRoom, inventRoomName, isRoomLink, problemWithRoomName, tidyRoomName } from './room-name.js';

const form = document.getElementById('start');
const input = document.getElementById('room');
const message = document.getElementById('room-error');
const newMeeting = document.getElementById('new-meeting');

// From here on the page explains what is wrong in its own words.
form.noValidate = true;
newMeeting.hidden = false;

input.addEventListener('input', (event) => {
  // Text that an input method is still composing must not be touched.
  if (event.isComposing) return;
  const name = tidyRoomName(input.value);
  // Any other text stays as it is typed until it is submitted: a space at its end may be one between two words.
  if (isRoomLink(input.value)) input.value = name;
  explain(name === '' ? null : problemWithRoomName(name));
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const room = tidyRoomName(input.value);
  input.value = room;
  const problem = problemWithRoomName(room);
  explain(problem);
  if (problem === null) location.assign(addressOfRoom(room));
  else input.focus();
});

newMeeting.addEventListener('click', () => {
  input.value = inventRoomName();
  explain(null);
  form.querySelector('[type=submit]').focus();
});

function explain(problem) {
  message.textContent = problem ?? '';
  if (problem === null) input.removeAttribute('aria-invalid');
  else input.setAttribute('aria-invalid', 'true');
}
