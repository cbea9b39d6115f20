// Asks before somebody is removed, blocked or turned away.

import { byId } from './dom.js';
import { cutToBytes } from './text.js';

/**
 * Opens the dialog. Resolves to the message to the person, which may be `''`, or to null if it was cancelled. `content`: the
 * heading, as text and elements; `text` explains what happens; `yes` is the label of the button.
 */
export function ask({ content, text, yes }) {
  const dialog = byId('ask');
  const reason = byId('ask-reason');
  byId('ask-title').replaceChildren(...content);
  byId('ask-text').textContent = text;
  byId('ask-yes').textContent = yes;
  reason.value = '';
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      resolve(dialog.returnValue === 'yes' ? cutToBytes(reason.value.trim(), MAX_REASON_BYTES) : null);
    }, { once: true });
  });
}

/** As much of a reason as the page of who was removed gets. */
const MAX_REASON_BYTES = 123;
