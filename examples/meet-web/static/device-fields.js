// The two <select>s for microphone and camera; the lobby and the settings each have a pair.

/** Binds the selects inside `root` to `media`; updates them when devices are plugged in or out. */
export function bindDeviceFields(root, media) {
  const selects = root.querySelectorAll('select[data-kind]');

  async function refresh() {
    const devices = await media.list();
    for (const select of selects) fill(select, devices[select.dataset.kind], media);
  }

  for (const select of selects) {
    select.addEventListener('change', () => media.choose(select.dataset.kind, select.value));
  }
  media.addEventListener('devices', refresh);
  media.addEventListener('change', () => {
    for (const select of selects) selectCurrent(select, media);
  });
  void refresh();
}

function fill(select, devices, media) {
  const noun = select.dataset.kind === 'audio' ? 'microphone' : 'camera';
  const named = devices.filter((device) => device.deviceId !== '');
  const options = named.map((device, index) => {
    const label = device.label === '' ? `${noun[0].toUpperCase()}${noun.slice(1)} ${index + 1}` : device.label;
    return new Option(label, device.deviceId);
  });
  if (options.length === 0) {
    // Before access is allowed, browsers only reveal that there is a device.
    options.push(new Option(devices.length === 0 ? `No ${noun} found` : `Default ${noun}`, ''));
  }
  select.replaceChildren(...options);
  select.disabled = named.length === 0;
  selectCurrent(select, media);
}

function selectCurrent(select, media) {
  const current = media.deviceId(select.dataset.kind);
  if (Array.from(select.options).some((option) => option.value === current)) select.value = current;
}
