// @aws-sdk/client-cognito-identity-provider: administration with signed calls, sign-in with a client secret.

import * as sdk from '@aws-sdk/client-cognito-identity-provider';
import { createHmac } from 'node:crypto';

import { NEW_PASSWORD, PASSWORD, URL_OF_SERVICE, claims, codeOfApp, refusal, tell } from './guest.mjs';

const ADDRESS = 'sdk@example.com';
const options = { endpoint: URL_OF_SERVICE, region: 'us-east-1', maxAttempts: 1 };
const [accessKeyId, secretAccessKey] = process.argv.slice(3);
const signer = (secret) => ({ ...options, credentials: { accessKeyId, secretAccessKey: secret } });
const administrator = new sdk.CognitoIdentityProviderClient(signer(secretAccessKey));
const send = (name, members) => administrator.send(new sdk[`${name}Command`](members));
const seen = {};

const impostor = new sdk.CognitoIdentityProviderClient(signer('not the secret'));
seen.impostor = await refusal(impostor.send(new sdk.ListUserPoolsCommand({ MaxResults: 1 })));

const { UserPool } = await send('CreateUserPool', { PoolName: 'by-sdk', AutoVerifiedAttributes: ['email'],
  Policies: { PasswordPolicy: { MinimumLength: 12 } }, UserPoolTags: { team: 'blue' } });
const UserPoolId = UserPool.Id;
seen.dates = [UserPool.CreationDate instanceof Date, Math.abs(Date.now() - UserPool.CreationDate) < 60000];
seen.tags = (await send('ListTagsForResource', { ResourceArn: UserPool.Arn })).Tags;
await send('SetUserPoolMfaConfig', { UserPoolId, MfaConfiguration: 'OPTIONAL',
  SoftwareTokenMfaConfiguration: { Enabled: true } });
seen.mfa = (await send('GetUserPoolMfaConfig', { UserPoolId })).MfaConfiguration;
const { UserPoolClient: { ClientId, ClientSecret } } = await send('CreateUserPoolClient', { UserPoolId,
  ClientName: 'app', GenerateSecret: true, ExplicitAuthFlows: ['ALLOW_ADMIN_USER_PASSWORD_AUTH',
    'ALLOW_REFRESH_TOKEN_AUTH'] });

const Username = 'user-1';
const created = await send('AdminCreateUser', { UserPoolId, Username, TemporaryPassword: PASSWORD,
  MessageAction: 'SUPPRESS', UserAttributes: [{ Name: 'email', Value: ADDRESS },
    { Name: 'email_verified', Value: 'true' }] });
seen.status = created.User.UserStatus;
await send('CreateGroup', { UserPoolId, GroupName: 'staff', Precedence: 1 });
await send('AdminAddUserToGroup', { UserPoolId, Username, GroupName: 'staff' });
const { Users } = await send('ListUsers', { UserPoolId, Filter: `email = "${ADDRESS}"` });
seen.found = Users.map((user) => user.Username);
for (const number of [2, 3, 4]) await send('AdminCreateUser', { UserPoolId, Username: `user-${number}`,
  MessageAction: 'SUPPRESS' });
seen.pages = [];
for await (const page of sdk.paginateListUsers({ client: administrator, pageSize: 2 }, { UserPoolId })) {
  seen.pages.push(page.Users.length);
}

const SECRET_HASH = createHmac('sha256', ClientSecret).update(Username + ClientId).digest('base64');
const asks = { UserPoolId, ClientId };
const signIn = (PASSWORD) => send('AdminInitiateAuth', { ...asks, AuthFlow: 'ADMIN_USER_PASSWORD_AUTH',
  AuthParameters: { USERNAME: Username, PASSWORD, SECRET_HASH } });
const respond = ({ ChallengeName, Session }, answers) => send('AdminRespondToAuthChallenge', { ...asks,
  ChallengeName, Session, ChallengeResponses: { USERNAME: Username, SECRET_HASH, ...answers } });
const first = await signIn(PASSWORD);
seen.challenge = first.ChallengeName;
const { AuthenticationResult: tokens } = await respond(first, { NEW_PASSWORD });
seen.groups = claims(tokens.IdToken)['cognito:groups'];

// Operations of the user need no credentials: a client that has none to sign with.
const guest = new sdk.CognitoIdentityProviderClient({ ...options,
  credentials: async () => { throw new Error('asked for credentials'); } });
const { AccessToken } = tokens;
const { SecretCode } = await guest.send(new sdk.AssociateSoftwareTokenCommand({ AccessToken }));
await guest.send(new sdk.VerifySoftwareTokenCommand({ AccessToken, UserCode: codeOfApp(SecretCode, -1) }));
await send('AdminSetUserMFAPreference', { UserPoolId, Username,
  SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true } });
const second = await signIn(NEW_PASSWORD);
seen.secondChallenge = second.ChallengeName;
const done = await respond(second, { SOFTWARE_TOKEN_MFA_CODE: codeOfApp(SecretCode) });
const read = new sdk.GetUserCommand({ AccessToken: done.AuthenticationResult.AccessToken });
seen.user = (await guest.send(read)).UserMFASettingList;

await send('AdminUserGlobalSignOut', { UserPoolId, Username });
seen.signedOut = await refusal(guest.send(read));
await send('AdminDisableUser', { UserPoolId, Username });
seen.disabled = await refusal(signIn(NEW_PASSWORD));
seen.typed = await send('AdminGetUser', { UserPoolId, Username: 'nobody' })
  .catch((error) => [error instanceof sdk.UserNotFoundException, error.$metadata.httpStatusCode,
    Boolean(error.$metadata.requestId)]);
seen.tooShort = await refusal(send('AdminSetUserPassword', { UserPoolId, Username, Password: 'Short-1!' }));
await send('DeleteUserPool', { UserPoolId });
seen.gone = await refusal(send('DescribeUserPool', { UserPoolId }));

tell(seen);
