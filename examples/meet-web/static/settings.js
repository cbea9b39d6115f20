// The dialog for name, devices and shortcuts during the call.

import { byId } from './dom.js';
import { bindDeviceFields } from './device-fields.js';
import { GUEST } from './person.js';
import { enableShortcuts, shortcutsEnabled } from './shortcuts.js';
import { tidyName } from './text.js';

/** Binds the dialog once for the page's life; `onRename(name)` is called when the name was changed. */
export function bindSettings(media, lobby, onRename) {
  const dialog = byId('settings');
  const name = byId('settings-name');
  const shortcuts = byId('shortcuts');
  bindDeviceFields(dialog, media);

  byId('open-settings').addEventListener('click', () => {
    name.value = lobby.name === GUEST ? '' : lobby.name;
    shortcuts.checked = shortcutsEnabled();
    dialog.showModal();
  });
  // A click on the backdrop is a click on the dialog itself, outside of its form.
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  shortcuts.addEventListener('change', () => enableShortcuts(shortcuts.checked));
  dialog.addEventListener('close', () => {
    const typed = tidyName(name.value);
    const chosen = typed === '' ? GUEST : typed;
    if (chosen !== lobby.name) onRename(chosen);
  });
}
