// The list of the others in a meeting, and the host's menu.

/**
 * @param {MeetRoom} room
 * @param {object} elements
 * @param {HTMLElement} elements.list with `data-block`, the URL that blocks a peer
 * @param {HTMLElement} elements.title of the list; it gets the focus of a button that is gone
 * @param {HTMLDialogElement} elements.dialog the host's menu for one person, whose first heading is the question
 * @param {HTMLElement} elements.news a live region
 */
export function showPeople(room, { list, title, dialog, news }) {
  const items = new Map(); // by peer
  const removing = new Set(); // the peers that this page has asked to be removed
  let subject = null; // the peer of the dialog

  room.on('peerjoined', ({ detail: { peer } }) => {
    const item = list.appendChild(document.createElement('li'));
    item.append(document.createElement('span'));
    items.set(peer, item);
    render(peer);
    announce(`${peer.meta.name} is here.`);
  });
  room.on('peerchanged', ({ detail: { peer } }) => render(peer));
  room.on('permissionschanged', () => {
    for (const peer of items.keys()) render(peer);
  });
  room.on('peerleft', ({ detail: { peer } }) => {
    if (subject === peer) dialog.close();
    const item = items.get(peer);
    items.delete(peer);
    focusElsewhere(item, () => item.remove());
    const wasRemoved = removing.delete(peer);
    // It is this page that is gone.
    const isClosed = room.state === 'closed';
    announce(isClosed ? '' : `${peer.meta.name} ${wasRemoved ? 'was removed' : 'is gone'}.`);
  });
  room.on('error', ({ detail: { error, peer } }) => {
    if (peer === null) announce(`Not done: ${error.message}.`);
  });

  dialog.addEventListener('close', () => {
    const peer = subject;
    subject = null;
    if (peer === null || !items.has(peer)) return;
    if (dialog.returnValue === 'remove') attempt(peer, () => room.kick(peer.id, 'the host has removed you'));
    if (dialog.returnValue === 'block') attempt(peer, () => block(list.dataset.block, peer));
  });

  async function attempt(peer, remove) {
    removing.add(peer);
    try {
      await remove();
    } catch (error) {
      removing.delete(peer);
      announce(`Not done: ${error.message}.`);
    }
  }

  /** A button that stays keeps the focus. */
  function render(peer) {
    const item = items.get(peer);
    const [name] = item.children;
    name.textContent = peer.status === 'away' ? `${peer.meta.name} (connection lost)` : peer.meta.name;
    const button = item.querySelector('button');
    if (room.can('moderate')) {
      if (button === null) item.append(menuButton(peer));
    } else if (button !== null) {
      focusElsewhere(item, () => button.remove());
    }
  }

  function menuButton(peer) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = `Remove ${peer.meta.name} …`;
    button.setAttribute('aria-haspopup', 'dialog');
    button.addEventListener('click', () => {
      subject = peer;
      dialog.querySelector('h2').textContent = `Remove ${peer.meta.name}?`;
      // With Escape, a dialog keeps the value of the last time.
      dialog.returnValue = '';
      dialog.showModal();
    });
    return button;
  }

  /** Moves the focus to the next person if it is in what `remove` takes away. */
  function focusElsewhere(item, remove) {
    const hadFocus = item.contains(document.activeElement);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    remove();
    if (hadFocus) (next?.querySelector('button') ?? title).focus();
  }

  function announce(text) {
    news.textContent = text;
  }
}

/** The site remembers who is blocked, longer than the room does. */
async function block(url, peer) {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ peer: peer.id }), redirect: 'error' });
  if (!response.ok) throw new Error(await response.text());
}
