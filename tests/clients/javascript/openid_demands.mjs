// openid-client v6: what an app may demand of a sign-in: its level, its age, a new one, single claims; and the
// issuer found by RFC 8414. Two users: one with a password alone, one with an authenticator app besides.

import * as client from 'openid-client';

import { Browser } from './browser_like.mjs';
import { codeOfApp, tell } from './guest.mjs';

const given = JSON.parse(process.argv[3]);
const issuer = new URL(given.issuer);
const seen = {};

// Two ways to the same metadata.
const fetched = [];
const noting = (url, options) => { fetched.push(String(url)); return fetch(url, options); };
const discover = (options) => client.discovery(issuer, given.app, undefined, client.None(),
  { execute: [client.allowInsecureRequests], ...options });
const app = await discover();
const byRfc8414 = await discover({ algorithm: 'oauth2', [client.customFetch]: noting });
seen.discoveredAt = fetched;
seen.sameMetadata = JSON.stringify(byRfc8414.serverMetadata()) === JSON.stringify(app.serverMetadata());

/** A browser of one user, who answers the pages; `pages` are the paths of those that were shown. */
class Person {
  constructor(username) {
    this.browser = new Browser(given.callback);
    this.username = username;
  }

  /** Go to the address and answer what is asked: where the app is answered. */
  async open(url) {
    const answers = { '/login': () => ({ username: this.username, password: given.password }),
      '/mfa': () => ({ code: codeOfApp(given.secret) }) };
    this.pages = [];
    let arrived = await this.browser.open(url);
    while (!arrived) {
      const page = this.browser.url.pathname;
      this.pages.push(page);
      arrived = await this.browser.submit(page, answers[page]());
    }
    return arrived;
  }

  /** Sign in with these parameters: the tokens, all checked by the library. `maxAge` is checked as well. */
  async signIn(parameters = {}, maxAge = undefined) {
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const expectedNonce = client.randomNonce();
    const url = client.buildAuthorizationUrl(app, { redirect_uri: given.callback, code_challenge_method: 'S256',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), nonce: expectedNonce,
      scope: 'openid email phone profile', ...parameters });
    return client.authorizationCodeGrant(app, await this.open(url),
      { pkceCodeVerifier, expectedNonce, maxAge, idTokenExpected: true });
  }
}

const level = (tokens) => (({ acr, amr }) => ({ acr, amr }))(tokens.claims());
const errorOf = (promise) => promise.then(() => 'tokens', (error) => error.error ?? error.message);

const person = new Person(given.username);
const first = await person.signIn();
const signedInAt = first.claims().auth_time;
seen.notAsked = level(first);

// How old a sign-in may be.
const young = await person.signIn({ max_age: 1000 }, 1000);
seen.youngEnough = person.pages.length === 0 && young.claims().auth_time === signedInAt;
seen.tooOldSilently = await errorOf(person.signIn({ max_age: 0, prompt: 'none' }));
const renewed = await person.signIn({ max_age: 0 }, 0);
seen.tooOld = [...person.pages, renewed.claims().auth_time >= signedInAt];
const again = await person.signIn({ prompt: 'login' });
seen.askedAgain = [...person.pages, again.claims().auth_time >= renewed.claims().auth_time];

// How strong it must be.
const [PASSWORD_ALONE, WITH_CODE] = ['urn:cognito:loa:1', 'urn:cognito:loa:4'];
seen.password = level(await person.signIn({ acr_values: PASSWORD_ALONE }));
seen.outOfReach = level(await person.signIn({ acr_values: `${WITH_CODE} unknown ${PASSWORD_ALONE}` }));
const careful = new Person(given.careful);
await careful.signIn();
const strong = await careful.signIn({ acr_values: WITH_CODE });
seen.stepUp = careful.pages;
seen.withCode = level(strong);
seen.afterwardsSilently = level(await careful.signIn({ acr_values: WITH_CODE, prompt: 'none' }));
seen.afterRefresh = level(await client.refreshTokenGrant(app, strong.refresh_token));

// What the app wants to know.
const wanted = { id_token: { phone_number: { essential: true } }, userinfo: { name: null } };
const named = await person.signIn({ scope: 'openid', claims: JSON.stringify(wanted) });
const infoOf = (tokens) => client.fetchUserInfo(app, tokens.access_token, tokens.claims().sub);
seen.claims = { idToken: Object.keys(named.claims()), userInfo: Object.keys(await infoOf(named)) };
const { email_verified: email, phone_number_verified: phone } = await infoOf(first);
seen.verified = [email, phone];

// What RFC 9700 advises and only strict mode demands.
const bare = client.buildAuthorizationUrl(app, { redirect_uri: given.callback, scope: 'openid' });
const answer = (await person.open(bare)).searchParams;
seen.withoutPkce = answer.get('error') ?? (answer.has('code') && 'a code');
const next = await client.refreshTokenGrant(app, first.refresh_token);
seen.refreshTokenAgain = [await errorOf(client.refreshTokenGrant(app, first.refresh_token)),
  await errorOf(client.refreshTokenGrant(app, next.refresh_token ?? first.refresh_token))];

tell(seen);
