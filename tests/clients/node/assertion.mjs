// oauth4webapi and private_key_jwt: registers a key of its own, then authenticates by it. Prints what it saw.

import * as oauth from "oauth4webapi";
import { exportJWK } from "jose";

const { BASE_URL, CLIENT_ID, CLIENT_SECRET } = process.env;
const http = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(BASE_URL);
const client = { client_id: CLIENT_ID };

const answers = {};
for (const alg of ["ES256", "PS256", "RS256", "EdDSA"]) {
  const pair = await oauth.generateKeyPair(alg === "EdDSA" ? "Ed25519" : alg);
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: alg };
  const changed = await fetch(`${BASE_URL}/api/v1/tenants/${CLIENT_ID}`, {
    method: "PATCH",
    headers: { "X-API-Key": CLIENT_SECRET, "Content-Type": "application/json" },
    body: JSON.stringify({ jwks: { keys: [jwk] } }),
  });

  const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...http });
  const server = await oauth.processDiscoveryResponse(issuer, found);
  const named = { [oauth.modifyAssertion]: (header) => { header.kid = alg; header.alg = alg; } };
  const assertion = oauth.PrivateKeyJwt({ key: pair.privateKey, kid: alg }, named);
  const granted = await oauth.clientCredentialsGrantRequest(server, client, assertion, {}, http);
  const { token_type } = await oauth.processClientCredentialsResponse(server, client, granted);
  answers[alg] = { registered: changed.status, token_type };
}
console.log(JSON.stringify(answers));
