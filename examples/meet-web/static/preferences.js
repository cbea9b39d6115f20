// Settings that the browser stores between meetings. Without storage access there are none.

export function remembered(key) {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Private windows and blocked cookies: the page works without.
  }
}

const PREFIX = 'meet.';
