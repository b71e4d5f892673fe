// aws-amplify v6, category Auth, with tokens held in memory.

import { Amplify } from 'aws-amplify';
import { autoSignIn, confirmResetPassword, confirmSignIn, confirmSignUp, fetchAuthSession, fetchMFAPreference,
  fetchUserAttributes, getCurrentUser, resetPassword, setUpTOTP, signIn, signOut, signUp, updateMFAPreference,
  updatePassword, updateUserAttributes, verifyTOTPSetup } from 'aws-amplify/auth';
import { cognitoUserPoolsTokenProvider } from 'aws-amplify/auth/cognito';

import { NEW_PASSWORD, OWN_FORM, PASSWORD, POOL, URL_OF_SERVICE, ask, codeOfApp, mailedCode, refusal, tell,
  wrong } from './guest.mjs';

const ADDRESS = 'amplify@example.com';
const AUTOMATIC = 'amplify-auto@example.com';

Amplify.configure({ Auth: { Cognito: {
  userPoolId: POOL, userPoolClientId: OWN_FORM, userPoolEndpoint: URL_OF_SERVICE,
} } });
// After configure, which puts Amplify's own storage in place.
const memory = new Map();
cognitoUserPoolsTokenProvider.setKeyValueStorage({
  setItem: async (key, value) => { memory.set(key, value); },
  getItem: async (key) => memory.get(key) ?? null,
  removeItem: async (key) => { memory.delete(key); },
  clear: async () => memory.clear(),
});

const signUpAs = (username, options = {}) => signUp({
  username, password: PASSWORD, options: { userAttributes: { email: username }, ...options },
});
const enter = async (password) => (await signIn({ username: ADDRESS, password })).nextStep.signInStep;
const seen = {};

const signedUp = await signUpAs(ADDRESS);
seen.sub = signedUp.userId;
seen.signUpStep = signedUp.nextStep;
seen.twice = await refusal(signUpAs(ADDRESS));
seen.unconfirmed = await enter(PASSWORD);
const mailed = await mailedCode(ADDRESS);
const confirm = (confirmationCode) => confirmSignUp({ username: ADDRESS, confirmationCode });
seen.wrongMailedCode = await refusal(confirm(wrong(mailed)));
seen.confirmation = (await confirm(mailed)).nextStep.signUpStep;

seen.wrongPassword = await refusal(enter(NEW_PASSWORD));
seen.entered = await enter(PASSWORD);
seen.currentUser = await getCurrentUser();
const session = await fetchAuthSession();
seen.idToken = session.tokens.idToken.payload;
seen.accessToken = session.tokens.accessToken.payload;
seen.attributes = await fetchUserAttributes();
await updateUserAttributes({ userAttributes: { name: 'Somebody' } });
seen.name = (await fetchUserAttributes()).name;
const refreshed = await fetchAuthSession({ forceRefresh: true });
seen.refreshed = refreshed.tokens.accessToken.toString() !== session.tokens.accessToken.toString();

const app = await setUpTOTP();
const secret = app.sharedSecret;
const setupUri = `otpauth://totp/Demo:${ADDRESS}?secret=${secret}&issuer=Demo`;
seen.setupUri = app.getSetupUri('Demo', ADDRESS).href === setupUri;
const setUp = codeOfApp(secret, -1);
seen.wrongSetUpCode = await refusal(verifyTOTPSetup({ code: wrong(setUp) }));
await verifyTOTPSetup({ code: setUp });
await updateMFAPreference({ totp: 'PREFERRED' });
seen.preference = await fetchMFAPreference();
const refreshToken = [...memory].find(([key]) => key.endsWith('.refreshToken'))[1];
await signOut();
// Amplify forgets the tokens, so the service itself is asked what became of them.
seen.forgotten = (await fetchAuthSession()).tokens === undefined;
seen.revoked = await refusal(ask('GetTokensFromRefreshToken',
  { ClientId: OWN_FORM, RefreshToken: refreshToken }));

seen.challenge = await enter(PASSWORD);
const code = codeOfApp(secret);
seen.wrongCode = await refusal(confirmSignIn({ challengeResponse: wrong(code) }));
seen.confirmed = (await confirmSignIn({ challengeResponse: code })).nextStep.signInStep;
await updatePassword({ oldPassword: PASSWORD, newPassword: NEW_PASSWORD });
const accessToken = (await fetchAuthSession()).tokens.accessToken.toString();
await signOut({ global: true });
seen.signedOut = await refusal(getCurrentUser());
seen.deadAccessToken = await refusal(ask('GetUser', { AccessToken: accessToken }));

seen.recovery = (await resetPassword({ username: ADDRESS })).nextStep;
await confirmResetPassword({ username: ADDRESS, newPassword: PASSWORD,
  confirmationCode: await mailedCode(ADDRESS) });
seen.recovered = await enter(PASSWORD);
seen.usedCode = await refusal(confirmSignIn({ challengeResponse: code }));

const automatic = await signUpAs(AUTOMATIC, { autoSignIn: true });
const completed = await confirmSignUp({ username: AUTOMATIC, confirmationCode: await mailedCode(AUTOMATIC) });
seen.automatic = [automatic.nextStep.signUpStep, completed.nextStep.signUpStep,
  (await autoSignIn()).isSignedIn];
seen.automaticUser = (await getCurrentUser()).signInDetails.loginId;
await signOut();

tell(seen);
