// A single-page application with oidc-client-ts. Every address of it is this page: one callback serves the
// whole window, the window that pops up and the hidden frame alike. The tests read `shown` and use `manager`.

const settings = await (await fetch('/settings.json')).json();
const here = (path) => new URL(path, location).href;
const manager = new oidc.UserManager({ redirect_uri: here('/callback'),
  post_logout_redirect_uri: here('/signed-out'), ...settings });
const shown = { renewals: 0, failures: [] };
manager.events.addUserLoaded(() => { shown.renewals += 1; });
manager.events.addSilentRenewError((error) => shown.failures.push(error.error ?? error.message));
Object.assign(window, { manager, shown });

const on = (id, action) => document.getElementById(id).addEventListener('click', action);
on('sign-in', () => manager.signinRedirect({ state: { page: '/orders' } }));
on('sign-in-in-a-window', () => manager.signinPopup());
on('choose', () => manager.signinRedirect({ prompt: 'select_account' }));
on('sign-out', () => manager.signoutRedirect({ state: { page: '/farewell' } }));

async function arrive() {
  if (location.pathname === '/callback') {
    const user = await manager.signinCallback();
    shown.state = user?.state;
  } else if (location.pathname === '/signed-out') {
    shown.state = (await manager.signoutCallback())?.userState;
  }
  return (await manager.getUser())?.profile.sub ?? 'nobody';
}

document.querySelector('output').textContent = await arrive().catch((error) => error.error ?? error.message);
