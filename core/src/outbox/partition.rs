//! Which partition a key belongs to: Kafka's default partitioner, so that other producers agree.

/// A partition's number, from 0.
pub type Partition = u32;

/// The partition of `key` among `count` (at least 1): `murmur2(key) & 0x7fffffff mod count`, as in
/// Kafka's Java client (`BuiltInPartitioner`). Never change `count` of a live topic.
pub fn partition_of(key: &str, count: u32) -> Partition {
    (murmur2(key.as_bytes()) & 0x7fff_ffff) % count.max(1)
}

/// Murmur2, 32 bits, with the seed of Kafka's Java client (`Utils.murmur2`).
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut h = SEED ^ len;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        k = k.wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    for (index, byte) in rest.iter().enumerate() {
        h ^= u32::from(*byte) << (8 * index);
    }
    if !rest.is_empty() {
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn agrees_with_the_java_client() {
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
        }
    }

    /// From the hashes above, whose sign bit Kafka drops before it divides.
    #[test]
    fn known_keys_are_in_the_partitions_that_kafka_puts_them_in() {
        let partitions =
            ["21", "foobar", "a-little-bit-long-string", "abc"].map(|key| partition_of(key, 3));

        assert_eq!(partitions, [0, 0, 2, 0]);
    }

    #[test]
    fn a_key_stays_in_its_partition() {
        let partition = partition_of("9b2d7c1e-0a43-4f0b-8f0e-6b1f6a3f2c10", 3);

        assert!(partition < 3);
        assert_eq!(partition_of("9b2d7c1e-0a43-4f0b-8f0e-6b1f6a3f2c10", 3), partition);
        assert_eq!(partition_of("anything", 1), 0);
    }
}
