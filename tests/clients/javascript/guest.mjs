// What every script here needs to be a guest of the service: its address, mailed codes, an authenticator app,
// and a way to tell. Knows no client library. The service's address is the first argument of a script.

import { createHmac } from 'node:crypto';

export const URL_OF_SERVICE = process.argv[2];
export const POOL = 'us-east-1_Demo00001';
export const OWN_FORM = 'demositeownform00000000001';
export const PASSWORD = 'First-Passw0rd!';
export const NEW_PASSWORD = 'Second-Passw0rd!';

/** The newest code sent to an address, from the outbox. */
export async function mailedCode(address) {
  const answer = await fetch(`${URL_OF_SERVICE}/outbox.json?to=${encodeURIComponent(address)}`);
  return (await answer.json())[0].code;
}

/** Call an operation with no client library at all. */
export async function ask(operation, members) {
  const headers = { 'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `AWSCognitoIdentityProviderService.${operation}` };
  const answer = await fetch(URL_OF_SERVICE, { method: 'POST', headers, body: JSON.stringify(members) });
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.message), { name: body.__type });
  return body;
}

/** What an authenticator app shows, showed or will show `steps` half-minutes from now (RFC 6238). */
export function codeOfApp(secret, steps = 0) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const hash = createHmac('sha1', fromBase32(secret)).update(counter).digest();
  const number = hash.readUInt32BE(hash.at(-1) & 15) & 0x7fffffff;
  return String(number % 1e6).padStart(6, '0');
}

function fromBase32(text) {
  const bits = [...text].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter)
    .toString(2).padStart(5, '0')).join('');
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

export function wrong(code) {
  return String((Number(code) + 1) % 1e6).padStart(6, '0');
}

/** The claims of a token, unchecked. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}

/** How a promise is refused, as the client tells it: [name, message]; null when it is not. */
export async function refusal(promise) {
  return promise.then(() => null, (error) => [error.name, error.message]);
}

/** Tell the tests what was seen, and end: timers that a library still holds are of no use any more. */
export function tell(seen) {
  process.stdout.write(JSON.stringify(seen), () => process.exit());
}
