// amazon-cognito-identity-js: sign-up, SRP, an authenticator app, refresh, change of password, sign-out.

import identity from 'amazon-cognito-identity-js';

import { NEW_PASSWORD, OWN_FORM, PASSWORD, POOL, URL_OF_SERVICE, codeOfApp, mailedCode, refusal, tell,
  wrong } from './guest.mjs';

const ADDRESS = 'identity-js@example.com';
const pool = new identity.CognitoUserPool({ UserPoolId: POOL, ClientId: OWN_FORM, endpoint: URL_OF_SERVICE });
const newcomer = () => new identity.CognitoUser({ Username: ADDRESS, Pool: pool });

/** Sign in by SRP: the session, or `{ challenge }` when a code of the app is asked for. */
function signIn(user, password) {
  const details = new identity.AuthenticationDetails({ Username: ADDRESS, Password: password });
  return new Promise((resolve, reject) => user.authenticateUser(details, {
    onSuccess: resolve, onFailure: reject, totpRequired: (challenge) => resolve({ challenge }),
  }));
}

/** A callback of Node's kind as a promise; below, an object of callbacks. */
const called = (ask) => new Promise((resolve, reject) => {
  ask((error, result) => (error ? reject(error) : resolve(result)));
});
const answers = (ask) => new Promise((onSuccess, onFailure) => { ask({ onSuccess, onFailure }); });
const sendCode = (user, code) => answers((callbacks) => {
  user.sendMFACode(code, callbacks, 'SOFTWARE_TOKEN_MFA');
});

const seen = {};
const user = newcomer();

const email = new identity.CognitoUserAttribute({ Name: 'email', Value: ADDRESS });
const signedUp = await called((callback) => pool.signUp(ADDRESS, PASSWORD, [email], null, callback));
seen.confirmedAtOnce = signedUp.userConfirmed;
seen.delivery = signedUp.codeDeliveryDetails;
seen.unconfirmed = await refusal(signIn(newcomer(), PASSWORD));
const mailed = await mailedCode(ADDRESS);
const confirm = (code) => called((callback) => user.confirmRegistration(code, false, callback));
seen.wrongMailedCode = await refusal(confirm(wrong(mailed)));
seen.confirmation = await confirm(mailed);

seen.wrongPassword = await refusal(signIn(newcomer(), NEW_PASSWORD));
const session = await signIn(user, PASSWORD);
seen.sub = signedUp.userSub;
seen.idToken = session.getIdToken().decodePayload();
seen.accessToken = session.getAccessToken().decodePayload();
const attributes = await called((callback) => user.getUserAttributes(callback));
seen.attributes = Object.fromEntries(attributes.map(({ Name, Value }) => [Name, Value]));

const secret = await new Promise((associateSecretCode, onFailure) => {
  user.associateSoftwareToken({ associateSecretCode, onFailure });
});
const setUp = codeOfApp(secret, -1);
const verify = (code) => answers((callbacks) => user.verifySoftwareToken(code, 'phone', callbacks));
seen.wrongSetUpCode = await refusal(verify(wrong(setUp)));
seen.setUp = (await verify(setUp)).Status;
const preferred = { PreferredMfa: true, Enabled: true };
seen.preference = await called((callback) => user.setUserMfaPreference(null, preferred, callback));

const again = newcomer();
seen.challenge = (await signIn(again, PASSWORD)).challenge;
const code = codeOfApp(secret);
seen.wrongCode = await refusal(sendCode(again, wrong(code)));
seen.username = (await sendCode(again, code)).getAccessToken().payload.username;
const third = newcomer();
await signIn(third, PASSWORD);
seen.usedCode = await refusal(sendCode(third, code));
await sendCode(third, codeOfApp(secret, 1));

const before = third.getSignInUserSession();
const refreshed = await called((callback) => third.refreshSession(before.getRefreshToken(), callback));
seen.refreshed = refreshed.getAccessToken().getJwtToken() !== before.getAccessToken().getJwtToken();
seen.sameSession = refreshed.getIdToken().payload.origin_jti === before.getIdToken().payload.origin_jti;

const change = (from, to) => called((callback) => third.changePassword(from, to, callback));
seen.changeByWrong = await refusal(change(NEW_PASSWORD, PASSWORD));
seen.changed = await change(PASSWORD, NEW_PASSWORD);
seen.oldPassword = await refusal(signIn(newcomer(), PASSWORD));

const token = refreshed.getRefreshToken();
seen.signedOut = await answers((callbacks) => third.globalSignOut(callbacks));
seen.deadAccessToken = await refusal(called((callback) => {
  again.getUserData(callback, { bypassCache: true });
}));
seen.deadRefreshToken = await refusal(called((callback) => newcomer().refreshSession(token, callback)));

tell(seen);
