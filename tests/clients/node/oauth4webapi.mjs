// oauth4webapi: every response goes through its strict processing functions. Prints what it saw.

import * as oauth from "oauth4webapi";

const { BASE_URL, CLIENT_ID, CLIENT_SECRET } = process.env;
const http = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(BASE_URL);
const client = { client_id: CLIENT_ID };
const secret = oauth.ClientSecretPost(CLIENT_SECRET);

const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...http });
const server = await oauth.processDiscoveryResponse(issuer, found);
const resource = await oauth.resourceDiscoveryRequest(issuer, http);
const { authorization_servers } = await oauth.processResourceDiscoveryResponse(issuer, resource);

const wanted = { scope: "rooms:read offline_access" };
const granted = await oauth.clientCredentialsGrantRequest(server, client, secret, wanted, http);
const first = await oauth.processClientCredentialsResponse(server, client, granted);
const rotated = await oauth.refreshTokenGrantRequest(server, client, secret, first.refresh_token, http);
const second = await oauth.processRefreshTokenResponse(server, client, rotated);

const request = new Request(`${BASE_URL}/rooms`, { headers: { authorization: `Bearer ${second.access_token}` } });
const claims = await oauth.validateJwtAccessToken(server, request, BASE_URL, http);

const introspect = async () => {
  const response = await oauth.introspectionRequest(server, client, secret, second.access_token, http);
  return oauth.processIntrospectionResponse(server, client, response);
};
const before = await introspect();
const revoked = await oauth.revocationRequest(server, client, secret, second.access_token, http);
await oauth.processRevocationResponse(revoked);
const after = await introspect();

console.log(JSON.stringify({ authorization_servers, first, second, claims, before, after }));
