// The room page is three views, one at a time: lobby, call, ended.

import { byId } from './dom.js';

/** Opens a view and puts the focus on its heading, so that a screen reader says where one is. */
export function showView(name) {
  for (const view of VIEWS) byId(view).hidden = view !== name;
  document.body.dataset.view = name;
  byId(`${name}-title`).focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

const VIEWS = ['lobby', 'call', 'ended'];
