//! Records as Kafka keeps them.
//!
//! Kafka's time is in milliseconds: what a record has beyond that is a header, which readers of ours
//! take off again.

use std::collections::BTreeMap;
use std::sync::Arc;

use rskafka::chrono::{DateTime, Utc};
use rskafka::record::{Record as KafkaRecord, RecordAndOffset};
use soma_core::outbox::message::Record;
use soma_core::ports::log::Positioned;
use soma_core::time::Timestamp;
use soma_core::unreadable::Unreadable;

/// The header with the microseconds of a record's time beyond its milliseconds: 1 to 999.
const MICROSECONDS: &str = "at_us";

/// About what a record takes beside its key, value and headers, in bytes.
const OVERHEAD: usize = 32;

/// About how many bytes a record takes in a batch.
pub(crate) fn size(record: &Record) -> usize {
    let headers = record.headers.iter().map(|(name, value)| name.len() + value.len() + 4);
    OVERHEAD + record.key.len() + record.value.len() + headers.sum::<usize>()
}

/// The record as it is published.
pub(crate) fn encode(record: &Record) -> KafkaRecord {
    let micros = record.at.as_micros();
    let bytes = |(name, value): (&String, &String)| (name.clone(), value.clone().into_bytes());
    let mut headers: BTreeMap<String, Vec<u8>> = record.headers.iter().map(bytes).collect();
    let rest = micros.rem_euclid(1_000);
    if rest > 0 {
        headers.insert(MICROSECONDS.into(), rest.to_string().into_bytes());
    }
    KafkaRecord {
        key: Some(record.key.clone().into_bytes()),
        value: Some(record.value.to_vec()),
        headers,
        // Only times that are ten thousand times as far away as any that is published have none.
        timestamp: DateTime::<Utc>::from_timestamp_millis(micros.div_euclid(1_000))
            .unwrap_or_default(),
    }
}

/// The record as it was published. No key or no value is an empty one.
///
/// # Errors
///
/// [`Unreadable`] if its key or a header is no text.
pub(crate) fn decode(found: RecordAndOffset) -> Result<Positioned, (u64, Unreadable)> {
    let offset = u64::try_from(found.offset).unwrap_or_default();
    let KafkaRecord { key, value, headers, timestamp } = found.record;
    let value = value.unwrap_or_default();
    let texts = texts(key.unwrap_or_default(), headers);
    let (key, mut headers) = match texts {
        Ok(texts) => texts,
        Err(error) => {
            let raw = String::from_utf8_lossy(&value).into_owned();
            return Err((offset, Unreadable { error, raw }));
        }
    };
    let rest = headers.get(MICROSECONDS).and_then(|text| text.parse().ok());
    if rest.is_some() {
        headers.remove(MICROSECONDS);
    }
    let micros = timestamp.timestamp_millis().saturating_mul(1_000);
    let at = Timestamp::from_micros(micros.saturating_add(rest.unwrap_or_default()));
    let record = Record { key, value: value.into(), headers, at };
    Ok(Positioned { offset, record: Arc::new(record) })
}

type Texts = (String, BTreeMap<String, String>);

fn texts(key: Vec<u8>, headers: BTreeMap<String, Vec<u8>>) -> Result<Texts, String> {
    let key = String::from_utf8(key).map_err(|error| format!("its key is no text: {error}"))?;
    let text = |(name, value): (String, Vec<u8>)| match String::from_utf8(value) {
        Ok(value) => Ok((name, value)),
        Err(error) => Err(format!("its header {name:?} is no text: {error}")),
    };
    Ok((key, headers.into_iter().map(text).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at: i64) -> Record {
        Record {
            key: "ключ".into(),
            value: vec![0, 255].into(),
            headers: BTreeMap::from([("traceparent".to_owned(), "00-1-2-01".to_owned())]),
            at: Timestamp::from_micros(at),
        }
    }

    fn read(record: KafkaRecord) -> Result<Positioned, (u64, Unreadable)> {
        decode(RecordAndOffset { record, offset: 7 })
    }

    #[test]
    fn record_is_read_as_it_was_written_to_the_microsecond() {
        for at in [0, 1, 999, 1_000, 1_762_171_200_123_456, -1, -1_762_171_200_123_456] {
            let written = record(at);

            let found = read(encode(&written)).unwrap();

            assert_eq!((found.offset, &*found.record), (7, &written));
        }
    }

    #[test]
    fn record_without_key_and_value_has_empty_ones() {
        let bare = KafkaRecord { key: None, value: None, ..encode(&record(0)) };

        let found = read(bare).unwrap();

        assert_eq!((found.record.key.as_str(), &found.record.value[..]), ("", &b""[..]));
    }

    #[test]
    fn record_whose_key_or_header_is_no_text_says_so() {
        let key = KafkaRecord { key: Some(vec![0xff]), ..encode(&record(0)) };
        let mut header = encode(&record(0));
        header.headers.insert("odd".into(), vec![0xff]);

        let (key, header) = (read(key).unwrap_err(), read(header).unwrap_err());

        assert!(key.0 == 7 && key.1.error.contains("its key is no text"), "{key:?}");
        assert!(header.1.error.contains("its header \"odd\" is no text"), "{header:?}");
        assert_eq!(header.1.raw, "\0\u{fffd}");
    }
}
