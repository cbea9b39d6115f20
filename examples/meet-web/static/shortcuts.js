// Single-key shortcuts. They can be switched off, as people who dictate or use switches need (WCAG 2.1.4).

import { remember, remembered } from './preferences.js';

/** `actions`: key → function. Not while typing, in a dialog, or with a modifier held. */
export function listenForShortcuts(actions, signal) {
  document.addEventListener('keydown', (event) => {
    if (!shortcutsEnabled() || event.repeat || event.isComposing || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.('input, textarea, select, [contenteditable], dialog')) return;
    const action = actions[event.key.toLowerCase()];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }, { signal });
}

export function shortcutsEnabled() {
  return remembered('shortcuts') !== 'off';
}

export function enableShortcuts(enabled) {
  remember('shortcuts', enabled ? 'on' : 'off');
}
