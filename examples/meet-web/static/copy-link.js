// Copies the link to this meeting.

import { byId } from './dom.js';
import { notify } from './notices.js';

/** Copies the link, or shows it where copying is not possible. */
export async function copyLink() {
  const link = `${location.origin}${location.pathname}`;
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    // No clipboard outside of secure contexts, or not allowed.
    notify(`The link to this meeting: ${link}`, { key: 'link' });
    return;
  }
  notify('Link copied. Send it to those you want to meet.', { key: 'link' });
  showCopied();
}

function showCopied() {
  const button = byId('copy-link');
  const use = button.querySelector('use');
  use.setAttribute('href', '/assets/icons.svg#check');
  setTimeout(() => use.setAttribute('href', '/assets/icons.svg#link'), 2000);
}
