// openid-client: finds the server by its metadata, and does all that it offers. Prints what it saw.

import * as openid from "openid-client";

const { BASE_URL, CLIENT_ID, CLIENT_SECRET } = process.env;

const config = await openid.discovery(
  new URL(BASE_URL), CLIENT_ID, undefined, openid.ClientSecretBasic(CLIENT_SECRET),
  { algorithm: "oauth2", execute: [openid.allowInsecureRequests] },
);
const first = await openid.clientCredentialsGrant(config, { scope: "rooms:read offline_access", resource: BASE_URL });
const second = await openid.refreshTokenGrant(config, first.refresh_token, { scope: "rooms:read" });
const before = await openid.tokenIntrospection(config, second.access_token);
await openid.tokenRevocation(config, second.refresh_token);
const after = await openid.tokenIntrospection(config, second.access_token);

console.log(JSON.stringify({ issuer: config.serverMetadata().issuer, first, second, before, after }));
