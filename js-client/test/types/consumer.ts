// An application in TypeScript, against the declarations of the package.

import { MeetError, MeetRoom, attach, fullJitter, type RemotePeer, type RemoteSource } from 'meet-signal';

const room = new MeetRoom('/signal/standup', {
  meta: { name: 'Ada' },
  token: async () => 'sesame',
  retry: fullJitter({ maxDelayMs: 5000 }),
  rateLimit: { perSecond: 20, bytesPerSecond: 65_536 },
  openTimeoutMs: 5000,
  tokenTimeoutMs: 5000,
  rtc: { iceTransportPolicy: 'relay' },
});

room.on('sourceadded', ({ detail: { peer, source } }) => show(peer, source));
room.on('statechange', ({ detail: { state, reason } }) => {
  if (state === 'closed' && reason !== null) console.log(reason.code, reason.retryable);
});
room.on('trackended', ({ detail: { name, kind, track } }) => {
  if (!room.isMuted(name, kind)) console.log(track.label);
});
room.on('waiting', () => console.log(room.state === 'waiting'));
room.on('knock', ({ detail: { peer } }) => {
  if (room.knocking.get(peer.id) === peer) room.admit(peer.id);
  else room.deny(peer.id, 'not today');
});
room.on('knockgone', ({ detail: { peer } }) => console.log(peer.meta.name));
room.admitAll();
room.kick('id', 'too loud');
// @ts-expect-error the map is the room's
room.knocking.clear();
room.on('error', ({ detail: { error, peer } }) => console.log(error.code, peer?.connection === 'none'));
room.on('datachannel', ({ detail: { peer, channel } }) => peer.createDataChannel(`${channel.label} again`));
room.replaceTrack('camera', 'video', null);
room.setMuted('camera', 'audio', true);
// @ts-expect-error there is no such event
room.on('sourceaded', () => {});
// @ts-expect-error audio or video
room.setMuted('camera', 'sound', true);
// @ts-expect-error muted or not
room.setMuted('camera', 'audio');

async function show(peer: RemotePeer, source: RemoteSource): Promise<void> {
  const result: 'playing' | 'blocked' | 'waiting' = await attach(document.createElement('video'), source.stream);
  console.log(result, peer.connection === 'reconnecting', source.audio?.muted);
}

export async function meet(signal: AbortSignal): Promise<string | undefined> {
  try {
    await room.join({ signal });
  } catch (error) {
    if (error instanceof MeetError) return error.code;
    throw error;
  }
  return room.self?.id;
}
