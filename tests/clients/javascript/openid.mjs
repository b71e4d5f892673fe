// openid-client v6: an OpenID Connect relying party that is given the issuer and finds the rest.

import * as client from 'openid-client';

import { Browser } from './browser_like.mjs';
import { PASSWORD, claims, mailedCode, refusal, tell } from './guest.mjs';

const ADDRESS = 'openid-client@example.com';
const given = JSON.parse(process.argv[3]);
const CALLBACK = given.callback;
const issuer = new URL(given.issuer);
const discover = (id, authentication) => client.discovery(issuer, id, undefined, authentication,
  { execute: [client.allowInsecureRequests] });
const browser = new Browser(CALLBACK);
const seen = {};

const app = await discover(given.app, client.None());
seen.issuer = app.serverMetadata().issuer;

/** An authorization request with everything the protocol knows; and how its answer is turned into tokens. */
async function authorization(parameters = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(app, { redirect_uri: CALLBACK, scope: 'openid email profile',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
    state: expectedState, nonce: expectedNonce, ...parameters });
  return { url, redeem: (answer) => client.authorizationCodeGrant(app, answer,
    { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }) };
}

const first = await authorization();
await browser.open(first.url);
await browser.open(browser.link('/signup'));
await browser.submit('/signup', { username: ADDRESS, password: PASSWORD, password_again: PASSWORD });
const back = await browser.submit('/confirm', { code: await mailedCode(ADDRESS) });
seen.answered = [...back.searchParams.keys()].sort();
const tokens = await first.redeem(back);
seen.idToken = tokens.claims();
seen.tokenType = tokens.token_type;

seen.userInfo = await client.fetchUserInfo(app, tokens.access_token, tokens.claims().sub);
const refreshed = await client.refreshTokenGrant(app, tokens.refresh_token);
const lastRefreshToken = refreshed.refresh_token ?? tokens.refresh_token;
seen.refreshed = [refreshed.access_token !== tokens.access_token,
  refreshed.claims().sub === tokens.claims().sub];
seen.rotated = lastRefreshToken !== tokens.refresh_token;

// The browser is known by now: single sign-on, no page in between.
const second = await authorization();
const silent = await browser.open(second.url);
seen.singleSignOn = (await second.redeem(silent)).claims().sub === tokens.claims().sub;
// Of a code that nothing else here hangs on: its reuse may end what it gave.
seen.twice = await second.redeem(silent).catch((error) => error.error);
const third = await authorization({ prompt: 'none' });
seen.silently = Boolean((await third.redeem(await browser.open(third.url))).access_token);
const altered = await authorization();
const answer = await browser.open(altered.url);
answer.searchParams.set('iss', 'https://elsewhere.example.com');
seen.otherIssuer = await refusal(altered.redeem(answer));

await client.tokenRevocation(app, lastRefreshToken, { token_type_hint: 'refresh_token' });
seen.revoked = await client.refreshTokenGrant(app, lastRefreshToken).catch((error) => error.error);
seen.deadAccessToken = await client.fetchUserInfo(app, tokens.access_token, tokens.claims().sub)
  .catch((error) => [error.status, error.cause?.[0]?.parameters?.error]);

// OpenID Connect's way out; Cognito's differs by one name (logout_uri, and no hint).
const left = new URL('/', CALLBACK).href;
const signOut = client.buildEndSessionUrl(app, { post_logout_redirect_uri: left, state: 'left',
  id_token_hint: tokens.id_token });
seen.signedOutAt = (await browser.open(signOut)).href === `${left}?state=left`;
const cognitos = client.buildEndSessionUrl(app, { logout_uri: left });
seen.signedOutCognitosWay = (await browser.open(cognitos))?.href === left;
seen.askedFirst = browser.url.pathname === '/signout';
const fourth = await authorization({ prompt: 'none' });
seen.afterSignOut = await fourth.redeem(await browser.open(fourth.url)).catch((error) => error.error);

// A machine, by itself.
seen.machines = [];
for (const way of [client.ClientSecretBasic, client.ClientSecretPost]) {
  const machine = await discover(given.machine, way(given.secret));
  const granted = await client.clientCredentialsGrant(machine, { scope: 'orders/read' });
  seen.machines.push([granted.token_type, granted.expires_in, claims(granted.access_token).scope]);
}
const refused = async (way) => client
  .clientCredentialsGrant(await discover(given.machine, way), {})
  .catch((error) => [error.status, error.error ?? error.cause.map((challenge) => challenge.scheme)]);
seen.impostors = [await refused(client.ClientSecretBasic('not the secret')),
  await refused(client.ClientSecretPost('not the secret'))];

tell(seen);
