// Asks Chalk Auth whether a token is good (RFC 7662), for resource-server-introspection.conf. Both good and bad ones are
// answered 200 there, so `auth_request`, which sees the status alone, needs this between.

const BEARER = /^bearer ([A-Za-z0-9._~+\/-]+=*)$/i;

async function check(r) {
  const presented = BEARER.exec(r.headersIn.Authorization || "");
  if (!presented) {
    return refuse(r, 401, "");
  }

  const body = `token=${encodeURIComponent(presented[1])}`;
  const answer = await r.subrequest("/_introspect", { method: "POST", body });
  if (answer.status !== 200) {
    r.error(`introspection answered ${answer.status}`);
    return r.return(500);
  }

  const token = JSON.parse(answer.responseText);
  if (token.active !== true || token.token_type !== "Bearer" || token.mode) {
    return refuse(r, 401, ', error="invalid_token"');
  }
  if (!token.scope.split(" ").includes(r.variables.chalk_needed_scope)) {
    return refuse(r, 403, `, error="insufficient_scope", scope="${r.variables.chalk_needed_scope}"`);
  }

  r.headersOut["X-Tenant-Id"] = token.tenant_id;
  r.headersOut["X-Participant-Id"] = token.participant_id || "";
  r.headersOut["X-Room-Id"] = token.room_id || "";
  r.headersOut["X-Scope"] = token.scope;
  r.return(204);
}

function refuse(r, status, error) {
  r.headersOut["X-Challenge"] = `Bearer realm="archive"${error}`;
  r.return(status);
}

export default { check };
