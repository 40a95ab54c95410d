// node-oidc-provider with JWT access tokens (RS256) of one resource server, on PostgreSQL.
//
//   node server.mjs prepare SESSIONS   makes the table, a client and refresh tokens, and prints them
//   node server.mjs serve PORT

import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import Provider from 'oidc-provider';

import { PostgresAdapter, close, prepare } from './adapter.mjs';

const ISSUER = 'https://auth.example.com';
const RESOURCE = 'https://api.example.com';
const SCOPE = 'rooms:read';
const KEY = JSON.parse(readFileSync(process.env.BENCH_KEY_FILE, 'ascii'));

const provider = new Provider(ISSUER, {
  adapter: PostgresAdapter,
  jwks: { keys: [{ ...KEY, use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  scopes: ['offline_access', SCOPE],
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  rotateRefreshToken: true,
  ttl: { ClientCredentials: 3600, AccessToken: 3600, RefreshToken: 2592000, Grant: 2592000 },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: SCOPE,
        audience: RESOURCE,
        accessTokenTTL: 3600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});

async function prepared(sessions) {
  await prepare();
  const id = 'client';
  const secret = randomBytes(24).toString('hex');
  await new PostgresAdapter('Client').upsert(id, {
    client_id: id,
    client_secret: secret,
    grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
    redirect_uris: ['https://client.example.com/callback'],
    response_types: ['code'],
    scope: `offline_access ${SCOPE}`,
    token_endpoint_auth_method: 'client_secret_basic',
  });
  const client = await provider.Client.find(id);
  const tokens = [];
  for (let number = 0; number < sessions; number += 1) {
    const accountId = `account-${number}`;
    const grant = new provider.Grant({ accountId, clientId: id });
    grant.addOIDCScope('offline_access');
    grant.addResourceScope(RESOURCE, SCOPE);
    const grantId = await grant.save();
    const token = new provider.RefreshToken({
      accountId, client, grantId, gty: 'authorization_code', resource: RESOURCE, scope: `offline_access ${SCOPE}`,
    });
    tokens.push(await token.save());
  }
  console.log(JSON.stringify({ id, secret, refresh_tokens: tokens }));
  await close();
}

const [what, number] = process.argv.slice(2);
if (what === 'prepare') {
  await prepared(Number(number));
} else {
  provider.proxy = true;
  provider.listen(Number(number), '127.0.0.1');
}
