// A single-page application whose users Amplify sends to the hosted pages. Every address of it is this page: the
// redirect after sign-in and the one after sign-out end here too. The tests read `told` and call `session`.

import { Amplify } from 'aws-amplify';
import 'aws-amplify/auth/enable-oauth-listener';
import { fetchAuthSession, getCurrentUser, signInWithRedirect, signOut } from 'aws-amplify/auth';
import { Hub } from 'aws-amplify/utils';

const told = [];
const output = document.querySelector('output');
const show = async () => {
  output.textContent = await getCurrentUser().then((user) => user.userId, () => 'nobody');
};
const session = async (options) => {
  const { tokens } = await fetchAuthSession(options);
  return tokens && { id: tokens.idToken.payload, access: tokens.accessToken.payload };
};
Hub.listen('auth', async ({ payload: { event, data } }) => {
  told.push(event === 'customOAuthState' ? [event, data] : event);
  if (event === 'signInWithRedirect_failure') told.push(data.error.message);
  if (event.startsWith('signInWithRedirect')) await show();
});
Object.assign(window, { told, session });

Amplify.configure({ Auth: { Cognito: await (await fetch('/settings.json')).json() } });

const on = (id, action) => document.getElementById(id).addEventListener('click', action);
on('sign-in', () => signInWithRedirect({ customState: '/orders?page=2' }));
on('sign-in-silently', () => signInWithRedirect({ options: { prompt: 'NONE' } }));
on('sign-out', () => signOut());

// Where an answer has come back in the address, the listener above tells once it has been dealt with.
if (!new URL(location).searchParams.has('state')) await show();
