// Messages for errors of cameras and microphones, with advice.

/** `errors` has an error or null for each of `audio` and `video`; the answer is null when all is well. */
export function explainDevices(errors) {
  if (errors.audio === null && errors.video === null) return null;
  const both = errors.audio !== null && errors.video !== null;
  if (both && errors.audio.name === errors.video.name) return explain(errors.audio, 'camera and microphone');
  return [
    errors.video === null ? null : explain(errors.video, 'camera'),
    errors.audio === null ? null : explain(errors.audio, 'microphone'),
  ].filter((text) => text !== null).join(' ');
}

/** One error; `what` is "camera", "microphone" or both. */
export function explain(error, what) {
  const isOrAre = what.includes(' and ') ? 'are' : 'is';
  switch (error.name) {
    case 'InsecureContextError':
      return 'Camera and microphone only work on pages opened over https (or on localhost). You can take part without them: you will see and hear the others.';
    case 'NotAllowedError':
    case 'SecurityError':
      return `The ${what} ${isOrAre} blocked. Allow ${isOrAre === 'are' ? 'them' : 'it'} in the address bar or in the system’s privacy settings, then switch ${isOrAre === 'are' ? 'them' : 'it'} on here. You can also go on without.`;
    case 'NotFoundError':
    case 'OverconstrainedError':
      return `No ${what.replace(' and ', ' or ')} was found. Plug one in, or go on without.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The ${what} ${isOrAre} in use by another program, or did not start. Close that program and try again, or go on without.`;
    default:
      return `The ${what} could not be started (${error.name}). You can go on without.`;
  }
}
