//! Where a memory is: the coordinate that is its identity in the long-term memory.

use blake2::digest::consts::U12;
use blake2::{Blake2b, Digest};

/// The coordinate of a key in a universe. Neither tenant nor namespace has a part in it.
pub(super) fn coordinate(universe: &str, key: &str) -> [f64; 3] {
    let digest = Blake2b::<U12>::digest(format!("{universe}::{key}"));
    let axis = |from: usize| {
        let number = digest.iter().skip(from).take(4);
        let number = number.fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        f64::from(number) / 2_147_483_648.0 - 1.0
    };
    [axis(0), axis(4), axis(8)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As real servers gave them.
    #[test]
    fn coordinates_of_known_keys_are_those_of_a_real_server() {
        for (universe, key, expected) in [
            (
                "u1",
                "k1",
                [-0.977_754_036_430_269_5, 0.177_931_435_406_208_04, -0.993_197_642_732_411_6],
            ),
            (
                "real",
                "b1",
                [0.387_905_293_609_946_97, 0.648_724_573_198_705_9, 0.015_117_893_461_138_01],
            ),
        ] {
            let near = coordinate(universe, key)
                .iter()
                .zip(expected)
                .all(|(is, said)| (is - said).abs() < 1e-12);
            assert!(near, "{universe} {key}: {:?}", coordinate(universe, key));
        }
    }
}
