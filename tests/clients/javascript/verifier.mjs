// aws-jwt-verify: what a resource server does with the tokens, by issuer and JWKS.
//
// Its CognitoJwtVerifier derives issuer and keys from the pool id, always at amazonaws.com; the library's
// JwtVerifier takes any issuer. It fetches keys by https alone, so over plain http they come by its Fetcher.

import { CognitoJwtVerifier, JwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { validateCognitoJwtFields } from 'aws-jwt-verify/cognito-verifier';

import { OWN_FORM, POOL, URL_OF_SERVICE, ask, claims, refusal, tell } from './guest.mjs';

const issuer = `${URL_OF_SERVICE}/${POOL}`;
const jwksUri = `${issuer}/.well-known/jwks.json`;
const { AuthenticationResult: { IdToken: idToken, AccessToken: accessToken } } = await ask('InitiateAuth', {
  ClientId: OWN_FORM, AuthFlow: 'USER_PASSWORD_AUTH',
  AuthParameters: { USERNAME: 'demo@example.com', PASSWORD: 'Demo-Passw0rd!' },
});
const fetched = [];
const fetcher = { fetch: async (uri) => {
  fetched.push(uri);
  return (await fetch(uri)).arrayBuffer();
} };
const jwksCache = new SimpleJwksCache({ fetcher });

/** A verifier that also checks what is Cognito's own in a token. */
const verifier = (tokenUse, audience, groups) => JwtVerifier.create({ issuer, audience, jwksUri,
  customJwtCheck: ({ payload }) => {
    validateCognitoJwtFields(payload, { tokenUse, clientId: OWN_FORM, groups });
  },
}, { jwksCache });

const promoted = JSON.stringify({ ...claims(idToken), 'cognito:groups': ['editors'] });
const tampered = idToken.split('.').with(1, Buffer.from(promoted).toString('base64url')).join('.');
const seen = {};
seen.idToken = await verifier('id', OWN_FORM, 'readers').verify(idToken);
seen.accessToken = await verifier('access', null).verify(accessToken);
seen.otherAudience = await refusal(verifier('id', 'another').verify(idToken));
seen.otherUse = await refusal(verifier('id', null).verify(accessToken));
seen.otherGroup = await refusal(verifier('id', OWN_FORM, 'editors').verify(idToken));
seen.tampered = await refusal(verifier('id', OWN_FORM).verify(tampered));
seen.fetched = fetched;
const amazons = CognitoJwtVerifier.create({ userPoolId: POOL, tokenUse: 'id', clientId: OWN_FORM });
amazons.cacheJwks(await (await fetch(jwksUri)).json());
seen.cognitoVerifier = await refusal(amazons.verify(idToken));

tell(seen);
