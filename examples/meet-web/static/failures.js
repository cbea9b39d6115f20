// What a MeetError means to the person in front of the page.

import { isolated, tidyMessage } from './text.js';

/** A heading, a sentence, and whether trying again makes sense. */
export function describeFailure(error) {
  const known = FAILURES[error?.code];
  if (known !== undefined) return withReason(known, error);
  return {
    title: 'The meeting cannot go on',
    text: error?.message ? `What went wrong: ${error.message}.` : '',
    retry: error?.retryable !== false,
  };
}

/** With what a host or the application has written, which is text of somebody else. */
function withReason(known, { code, message }) {
  if (!GIVE_REASONS.has(code) || WITHOUT_REASON.has(message)) return known;
  const reason = tidyMessage(message);
  return reason === '' ? known : { ...known, text: `The reason given: “${isolated(reason)}”` };
}

function failure(title, text, retry) {
  return Object.freeze({ title, text, retry });
}

const GIVE_REASONS = new Set(['denied', 'kicked']);

/** The texts of the server and of the client if there is no reason. */
const WITHOUT_REASON = new Set(['denied', 'not admitted', 'removed from the room', 'the server answers: denied']);

const UNREACHABLE = failure('The server cannot be reached', 'Check your internet connection, then try again.', true);
const NO_ACCESS = 'If you think this is a mistake, ask the person who invited you.';

const FAILURES = Object.freeze({
  unreachable: UNREACHABLE,
  timeout: UNREACHABLE,
  unavailable: failure('The server is busy right now', 'Wait a moment, then try again.', true),
  lost: failure('The connection was lost', 'Check your internet connection, then try again.', true),
  'websocket-blocked': failure('Something blocks the connection', 'This page reaches the server, but a proxy, a firewall or an extension of the browser stops WebSockets. Try another network.', true),
  unsupported: failure('This browser cannot make video calls', 'Use a current version of Chrome, Edge, Firefox or Safari.', false),
  blocked: failure('The browser blocks the connection', 'One of its settings or extensions does not let this page reach the server.', false),
  rtc: failure('The connections cannot be set up', 'The browser refuses the settings of this server. Tell the people who run it.', false),
  'room-full': failure('This meeting is full', 'As soon as somebody leaves there is room for you.', true),
  'room-locked': failure('This meeting is locked', 'Nobody new is let in at the moment. Ask somebody inside to unlock it.', true),
  unauthorized: failure('You are not allowed in here', `The server did not accept you for this meeting. ${NO_ACCESS}`, false),
  denied: failure('You were not let in', `The host declined. ${NO_ACCESS}`, false),
  banned: failure('You cannot join this meeting', `A host has blocked this browser for now. ${NO_ACCESS}`, false),
  kicked: failure('You were removed from the meeting', `A host removed you. ${NO_ACCESS}`, false),
  replaced: failure('You are in this meeting elsewhere', 'The call went on in another tab or on another device, so it ended here.', true),
  duplicate: failure('You are in this meeting elsewhere', 'The call is open in another tab or on another device.', true),
  closed: failure('The meeting was closed', 'The server ended it for everybody.', true),
  'rate-limited': failure('Too many messages at once', 'The server asked for a pause. Wait a moment, then try again.', true),
  protocol: failure('This page and the server do not understand each other', 'Reload the page; it may be out of date.', true),
  'bad-message': failure('This page and the server do not understand each other', 'Reload the page; it may be out of date.', true),
  'too-large': failure('The server found something too large', 'If you have just chosen a long name, use a shorter one. Then try again.', true),
  'not-found': failure('There is no such meeting', 'The server knows no meeting at this address. Check the link, or ask for it again.', true),
  'bad-request': failure('The server refuses this address', 'Check the link to the meeting, or ask for it again.', true),
});
