// Names, texts and addresses of the Meet pages: `examples/meet-web/static`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { describeFailure } from '../../../examples/meet-web/static/failures.js';
import { initials, nameOf } from '../../../examples/meet-web/static/person.js';
import { addressOfRoom, problemWithRoomName, roomInAddress, tidyRoomName } from '../../../examples/meet-web/static/room-name.js';
import { cutToBytes, tidyMessage } from '../../../examples/meet-web/static/text.js';
import { roomInSegment } from '../support/core.js';

const TURNING = /[\u202a-\u202e\u2066-\u2069]/u;

test('a name is what others can read, and Guest where there is none', () => {
  for (const [name, shown] of [
    ['  Ada  Lovelace ', 'Ada Lovelace'],
    ['\u202eAda', 'Ada'],
    ['A\u2066d\u2069a\u200f', 'Ada'],
    ['two\r\nlines\u2028three', 'two lines three'],
    ['Zoë', 'Zoë'],
    ['عائشة', 'عائشة'],
    ['می‌خواهم', 'می‌خواهم'],
    ['👩‍👩‍👧', '👩‍👩‍👧'],
    ['❤️', '❤️'],
    ['นํ้า', 'นํ้า'],
    [`a${'\u0301'.repeat(100)}b`, `a${'\u0301'.repeat(4)}b`],
    ['\u0301\u200dAda', 'Ada'],
    ['\ud800Ada\udc00', 'Ada'],
    ['\u200bA\u00add\u2060a\ufeff', 'Ada'],
    ['x'.repeat(4000), 'x'.repeat(60)],
    ['😀'.repeat(200), '😀'.repeat(60)],
  ]) assert.equal(nameOf({ name }), shown, JSON.stringify(name));

  for (const name of [
    '', ' ', '\t\n', '\u00a0\u2003\u3000', '\u200b\u200c\u200d\u2060\ufeff', '\u202e', '\u2066\u2069', '\u3164', '\u115f\u1160\uffa0',
    '\u0301\u0302', '\u2800', '\u00ad', '\u034f', '\u180e', '\ufe0f', '\u{e0041}', '\u{1d159}', '\u{13441}', '\ufffc', '\ue000', '\ud800',
    '\u0000\u0007', ' \u3164\u0301\u2800 ', '\u2028', `${' '.repeat(499)}`, '\u200b'.repeat(4000),
  ]) assert.equal(nameOf({ name }), 'Guest', JSON.stringify(name));
});

test('a meta of any shape has a name', () => {
  for (const meta of [
    undefined, null, true, 0, 'Ada', [], ['Ada'], {}, { name: null }, { name: 1 }, { name: {} }, { name: ['Ada'] }, { name: { name: 'Ada' } },
    { name: { toString: 1 } }, { Name: 'Ada' },
  ]) assert.equal(nameOf(meta), 'Guest', JSON.stringify(meta));
  fc.assert(fc.property(fc.jsonValue(), (meta) => {
    const name = nameOf(meta);
    return typeof name === 'string' && name !== '';
  }));
});

test('no name of any characters turns what is around it, has lines, or is blank', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
    const name = nameOf({ name: text });
    return !TURNING.test(name) && !/[\n\r\u2028\u2029]/u.test(name) && /[\p{L}\p{N}\p{P}\p{S}]/u.test(name)
      && Array.from(name).length <= 60 && initials(name) !== '';
  }), { numRuns: 2000 });
});

test('an avatar has letters, or a sign', () => {
  for (const [name, letters] of [
    ['Ada Lovelace', 'AL'], ['ada', 'A'], ['Ada (you)', 'AY'], ['grace.hopper', 'GH'], ['(?)', '('], ['😀', '😀'], ['- - x', 'X'], ['Guest', 'G'], ['עדה', 'ע'],
  ]) assert.equal(initials(name), letters, name);
});

test('a message keeps its lines and its script, and nothing that turns or hides', () => {
  for (const [text, shown] of [
    [' hello\r\nthere ', 'hello\nthere'],
    ['file\u202egpj.exe', 'filegpj.exe'],
    ['\u2067abc\u2069', 'abc'],
    ['a\tb', 'a\tb'],
    ['a\u0000\u001bb', 'ab'],
    ['שלום \u200fabc', 'שלום \u200fabc'],
    [`a${'\n'.repeat(1500)}b`, 'a\n\nb'],
    ['a\n \n\t\n \nb', 'a\n\nb'],
    ['a\n\nb', 'a\n\nb'],
    [`o${'\u0334'.repeat(900)}`, `o${'\u0334'.repeat(4)}`],
    ['x'.repeat(60_000), 'x'.repeat(2000)],
    [`${'x'.repeat(1999)}😀`, 'x'.repeat(1999)],
  ]) assert.equal(tidyMessage(text), shown, JSON.stringify(text.slice(0, 20)));
  for (const text of ['', ' \n ', '\u200b', '\u3164', '\u2800\n\u2800', '\u202e', '\u0301']) assert.equal(tidyMessage(text), '');
});

test('an address names a room, or what is wrong with it', () => {
  for (const [path, name] of [
    ['/room/standup', 'standup'], ['/room/standup/', 'standup'], ['/room/st%61ndup', 'standup'], ['/room/...', '...'], ['/room/room', 'room'],
    ['/room/caf%C3%A9', 'café'], ['/room/cafe%CC%81', 'café'], ['/room/%20a%20b%20', 'a b'], ['/room/a+b', 'a+b'], ['/room/%2525', '%25'],
    ['/room/%F0%9F%98%80', '😀'], ['/room/%D8%A7%D8%AC%D8%AA%D9%85%D8%A7%D8%B9', 'اجتماع'], [`/room/${'x'.repeat(128)}`, 'x'.repeat(128)],
  ]) assert.deepEqual(roomInAddress(path), { name, problem: null });
  for (const [path, problem] of [
    ['/room/', /without the name/], ['/room', /without the name/], ['/room//', /without the name/], ['/room/%20', /without the name/],
    ['/room/%', /%/], ['/room/%zz', /%/], ['/room/%ff', /%/],
    [`/room/${'x'.repeat(129)}`, /129 characters long; about 128/], [`/room/${'%C3%A9'.repeat(65)}`, /65 characters long; about 64/],
    ['/room/a/b', /“\u2068\/\u2069”/], ['/room/a%2Fb', /“\u2068\/\u2069”/], ['/room/%E2%80%AE', /invisible character U\+202E/],
    ['/room/%00', /^The character U\+0000/], ['/room/a%0Ab', /U\+000A/], ['/room/a%E2%80%A8b', /U\+2028/], ['/room/%EF%BF%BD', /U\+FFFD/], ['/room/%EF%BF%BF', /U\+FFFF/],
    ['/room/%2e', /dots/], ['/room/%2e%2E', /dots/],
  ]) assert.match(roomInAddress(path).problem ?? '', problem, path);
});

test('a name that the page accepts is a name for the server, at any address', () => {
  // But for characters that are not assigned, which depend on the version of Unicode.
  const text = fc.string({ unit: 'binary', maxLength: 140 }).filter((it) => !/\p{Cn}/u.test(it));
  fc.assert(fc.property(text, (typed) => {
    const name = tidyRoomName(typed);
    if (problemWithRoomName(name) !== null) return;
    assert.equal(roomInSegment(encodeURIComponent(name)), name);
    assert.deepEqual(roomInAddress(addressOfRoom(name)), { name, problem: null });
  }));
});

test('what people type becomes one name', () => {
  for (const [typed, name] of [
    [' standup ', 'standup'], ['Cafe\u0301', 'Caf\u00e9'], ['\u212b', '\u00c5'], ['two words', 'two words'], ['\u00a0a\u3000', 'a'], ['ﬁ', 'ﬁ'],
    ['https://meet.example/room/caf%C3%A9%20a', 'café a'], ['http://a:1/room/cafe%CC%81/?x#y', 'café'], [' https://a/room/b ', 'b'], ['https://a/room/%zz', '%zz'],
  ]) assert.equal(tidyRoomName(typed), name);
});

test('a reason is cut to what the server takes, at no place within a character', () => {
  for (const [text, bytes, expected] of [
    ['too loud', 123, 'too loud'],
    ['', 123, ''],
    ['x'.repeat(200), 123, 'x'.repeat(123)],
    ['é'.repeat(100), 123, 'é'.repeat(61)],
    ['😀'.repeat(60), 123, '😀'.repeat(30)],
  ]) assert.equal(cutToBytes(text, bytes), expected);
  fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.nat(300), (text, bytes) => {
    const cut = cutToBytes(text, bytes);
    assert.ok(text.startsWith(cut) && Buffer.byteLength(cut) <= bytes && cut.isWellFormed());
  }));
});

test('somebody who was turned away reads what the host wrote, and only as text of the host', () => {
  const text = (code, message) => describeFailure({ code, message }).text;
  assert.equal(text('denied', 'Not today.'), 'The reason given: “\u2068Not today.\u2069”');
  assert.equal(text('kicked', '\u202eToo loud.'), 'The reason given: “\u2068Too loud.\u2069”');
  for (const [code, message] of [['denied', 'not admitted'], ['denied', 'denied'], ['kicked', 'removed from the room'], ['kicked', '\u200b']]) {
    assert.match(text(code, message), /^(The host declined|A host removed you)\. If you think/);
  }
  // Other errors have texts of the server, not of people.
  assert.doesNotMatch(text('banned', 'banned from this room'), /wrote/);
});
