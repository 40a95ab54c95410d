// What node-oidc-provider keeps, in PostgreSQL: one table, one prepared statement for each of its questions.

import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 5 });

const TABLE = `
CREATE TABLE IF NOT EXISTS entities (
  kind text NOT NULL,
  id text NOT NULL,
  payload jsonb NOT NULL,
  grant_id text,
  consumed_at bigint,
  expires_at timestamptz,
  PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS entities_of_a_grant ON entities (grant_id) WHERE grant_id IS NOT NULL`;

const ask = (name, text, values) => pool.query({ name, text, values });

export const prepare = () => pool.query(TABLE);
export const close = () => pool.end();

export class PostgresAdapter {
  constructor(kind) {
    this.kind = kind;
  }

  async upsert(id, payload, expiresIn) {
    await ask(
      'upsert',
      `INSERT INTO entities (kind, id, payload, grant_id, expires_at)
       VALUES ($1, $2, $3, $4, now() + $5 * interval '1 second')
       ON CONFLICT (kind, id) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at`,
      [this.kind, id, JSON.stringify(payload), payload.grantId ?? null, expiresIn ?? null],
    );
  }

  async find(id) {
    const found = await ask(
      'find',
      `SELECT payload, consumed_at FROM entities
       WHERE kind = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > now())`,
      [this.kind, id],
    );
    if (found.rows.length === 0) return undefined;
    const { payload, consumed_at: consumed } = found.rows[0];
    return consumed === null ? payload : { ...payload, consumed: Number(consumed) };
  }

  async consume(id) {
    await ask(
      'consume',
      'UPDATE entities SET consumed_at = extract(epoch FROM now())::bigint WHERE kind = $1 AND id = $2',
      [this.kind, id],
    );
  }

  async destroy(id) {
    await ask('destroy', 'DELETE FROM entities WHERE kind = $1 AND id = $2', [this.kind, id]);
  }

  async revokeByGrantId(grantId) {
    await ask('revoke', 'DELETE FROM entities WHERE kind = $1 AND grant_id = $2', [this.kind, grantId]);
  }
}
