// jose: a resource server that knows nothing of us but three URLs. Prints the claims, or fails.

import { createRemoteJWKSet, jwtVerify } from "jose";

const { BASE_URL, ACCESS_TOKEN } = process.env;

const keys = createRemoteJWKSet(new URL(`${BASE_URL}/.well-known/jwks.json`));
const { payload } = await jwtVerify(ACCESS_TOKEN, keys, {
  algorithms: ["RS256"], typ: "at+jwt", issuer: BASE_URL, audience: BASE_URL, requiredClaims: ["exp"],
});

console.log(JSON.stringify(payload));
