// The buttons for microphone, camera and screen, in the call.

import { explain } from './device-errors.js';
import { byId, setDeviceToggle, setToggle } from './dom.js';
import { notify } from './notices.js';

/** Binds the buttons to the devices; returns the same actions for the shortcuts. */
export function bindControls(media, screen, signal) {
  const mic = byId('mic');
  const camera = byId('camera');
  const share = byId('screen');

  async function toggleScreen() {
    if (screen.unavailable !== null) return;
    if (screen.track !== null) {
      screen.stop();
      return;
    }
    const error = await screen.start();
    if (error !== null) notify(`The screen could not be shared (${error.name}).`);
    // The person has left meanwhile.
    if (signal.aborted) screen.stop();
  }

  // The lobby has shown the errors from before the call.
  const explained = { ...media.errors };
  function explainNewErrors() {
    for (const [kind, error] of Object.entries(media.errors)) {
      if (error === explained[kind]) continue;
      explained[kind] = error;
      const what = kind === 'audio' ? 'microphone' : 'camera';
      if (error !== null) notify(explain(error, what), { key: `device ${kind}` });
    }
  }

  function show() {
    const sharing = screen.track !== null;
    setDeviceToggle(mic, media, 'audio', ' (M)');
    setDeviceToggle(camera, media, 'video', ' (V)');
    setToggle(share, sharing, screen.unavailable ?? (sharing ? 'Stop sharing (S)' : 'Share your screen (S)'));
    share.disabled = screen.unavailable !== null;
  }

  const toggleMic = () => media.toggle('audio');
  const toggleCamera = () => media.toggle('video');
  mic.addEventListener('click', toggleMic, { signal });
  camera.addEventListener('click', toggleCamera, { signal });
  share.addEventListener('click', toggleScreen, { signal });
  media.addEventListener('change', show, { signal });
  media.addEventListener('change', explainNewErrors, { signal });
  screen.addEventListener('change', show, { signal });
  show();
  return { toggleMic, toggleCamera, toggleScreen };
}
