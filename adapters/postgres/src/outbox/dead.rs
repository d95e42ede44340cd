//! Dead letters: kept in `dlq`, and published on the dead letters of their topic.

use soma_core::ids::TenantId;
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::message::encode;
use uuid::Uuid;

use super::lane_of;
use crate::blob::Blob;
use crate::columns::{At, number};
use crate::database::Query;

/// Letters to be kept, column by column. Of those with one origin the first is kept.
#[derive(Debug, Default)]
pub(crate) struct NewLetters {
    ids: Vec<Uuid>,
    tenants: Vec<String>,
    topics: Vec<&'static str>,
    partitions: Vec<Option<i32>>,
    positions: Vec<Option<i64>>,
    keys: Vec<Vec<u8>>,
    events: Vec<Vec<u8>>,
    errors: Vec<Vec<u8>>,
    origins: Vec<Vec<u8>>,
    times: Vec<At>,
    lanes: Vec<i16>,
    dead_topics: Vec<&'static str>,
    payloads: Vec<Blob>,
}

impl NewLetters {
    /// Keeps a letter. `tenant` answers for one that names none.
    pub(crate) fn keep(&mut self, letter: &DeadLetter, tenant: &TenantId) {
        let id = letter.id();
        if self.ids.contains(&id) {
            return;
        }
        let message = letter.message(tenant);
        self.ids.push(id);
        self.tenants.push(message.tenant.to_string());
        self.topics.push(letter.topic.as_str());
        self.partitions.push(letter.partition.and_then(|partition| i32::try_from(partition).ok()));
        self.positions.push(letter.offset.map(number));
        self.keys.push(letter.key.as_bytes().to_vec());
        self.events.push(letter.payload.as_bytes().to_vec());
        self.errors.push(letter.error.as_bytes().to_vec());
        self.origins.push(encode(&letter.origin).to_vec());
        self.times.push(At(letter.at));
        self.lanes.push(lane_of(&letter.key));
        self.dead_topics.push(message.topic.as_str());
        self.payloads.push(Blob(message.payload));
    }

    /// What inserts them and queues the publication of those that were not kept before; none if there
    /// is nothing to insert.
    pub(crate) fn insert(&self) -> Option<Query<'_>> {
        // A session that is erased at the same time finds what is kept of it: it waits. Letters are numbered
        // in their order, and inserted in that of their ids, so that nobody waits in a circle.
        let sql = "
            WITH letters AS MATERIALIZED (
                SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int4[], $5::int8[],
                                     $6::bytea[], $7::bytea[], $8::bytea[], $9::timestamptz[],
                                     $10::int2[], $11::text[], $12::bytea[], $13::bytea[])
                         WITH ORDINALITY
                    AS l (letter_id, tenant, topic, partition, position, key, event, error, at,
                          lane, dead_topic, payload, origin, place)),
            numbered AS MATERIALIZED (
                SELECT nextval('dlq_id_seq') AS id, * FROM letters ORDER BY place),
            held_off AS MATERIALIZED (
                SELECT pg_advisory_xact_lock_shared(hashtextextended('soma.erasing', 0))),
            kept AS (
                INSERT INTO dlq (id, letter_id, tenant, topic, partition, position, key, event, error,
                                 created_at, origin) OVERRIDING SYSTEM VALUE
                SELECT id, letter_id, tenant, topic, partition, position, key, event, error, at, origin
                  FROM held_off CROSS JOIN numbered ORDER BY letter_id
                ON CONFLICT (letter_id) DO NOTHING RETURNING letter_id)
            INSERT INTO outbox (lane, tenant, topic, key, kind, dedupe_key, payload, created_at)
            SELECT lane, tenant, dead_topic, key, 'dead.letter', letter_id, payload, at
              FROM letters JOIN kept USING (letter_id) ORDER BY place";
        let query = || {
            Query::new(
                sql,
                vec![
                    &self.ids,
                    &self.tenants,
                    &self.topics,
                    &self.partitions,
                    &self.positions,
                    &self.keys,
                    &self.events,
                    &self.errors,
                    &self.times,
                    &self.lanes,
                    &self.dead_topics,
                    &self.payloads,
                    &self.origins,
                ],
            )
        };
        (!self.ids.is_empty()).then(query)
    }
}
