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

    /// Made with the Java client of Apache Kafka 4.1.1: `Utils.murmur2` of the key's UTF-8, and
    /// `Utils.toPositive` of that modulo 3 and modulo 7. Every length of the last word is there, and
    /// bytes above 127.
    #[test]
    fn agrees_with_the_java_client_of_kafka_4() {
        for (key, hash, of_three, of_seven) in [
            ("", 275_646_681, 0, 2),
            ("a", -1_563_381_124, 1, 5),
            ("ab", 316_155_434, 2, 0),
            ("abc", 479_470_107, 0, 4),
            ("abcd", -1_323_649_548, 2, 5),
            ("abcde", 461_995_741, 1, 4),
            ("9b2d7c1e-0a43-4f0b-8f0e-6b1f6a3f2c10", -148_619_786, 0, 2),
            ("0192f0c1-7a4b-7c3d-8e5f-001122334455", -1_424_734_314, 2, 6),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", -359_870_222, 0, 4),
            ("ключ/ \u{1f980}", -1_700_104_052, 0, 6),
            ("\0\0\0\u{80}", -214_610_953, 1, 5),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key:?}");
            assert_eq!(
                (partition_of(key, 3), partition_of(key, 7)),
                (of_three, of_seven),
                "{key:?}"
            );
        }
    }

    #[test]
    fn a_key_stays_in_its_partition() {
        let partition = partition_of("9b2d7c1e-0a43-4f0b-8f0e-6b1f6a3f2c10", 3);

        assert!(partition < 3);
        assert_eq!(partition_of("9b2d7c1e-0a43-4f0b-8f0e-6b1f6a3f2c10", 3), partition);
        assert_eq!(partition_of("anything", 1), 0);
    }
}
