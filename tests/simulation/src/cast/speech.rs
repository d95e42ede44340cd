//! What the model says: every piece names its message, its call and its place, so that text that was
//! lost, doubled or mixed up on its way can be told from text that was not.

const END: &str = "; ";
const BODY: &str = " grün 漢字 🙂";

/// A piece of the answer to the message with this number.
pub(super) fn piece(number: u64, call: u64, index: u64) -> String {
    format!("{number}.{call}.{index}{BODY}{END}")
}

/// What is wrong with a text that is to be an answer to the message with this number; none if it is
/// made of rounds, each of the first pieces of one call, and each of a later call than the last.
pub(super) fn flaw(text: &str, number: u64) -> Option<&'static str> {
    let mut calls = 0;
    for round in text.split("\n\n").filter(|round| !round.is_empty()) {
        let mut of = None;
        for (expected, piece) in (0..).zip(round.split_inclusive(END)) {
            let Some((said, call, index)) = read(piece) else { return Some("a piece is broken") };
            if said != number {
                return Some("it answers another message");
            }
            if *of.get_or_insert(call) != call {
                return Some("two calls are mixed in one round");
            }
            if index != expected {
                return Some("a piece is missing, or there twice");
            }
        }
        if of.is_some_and(|call| call < calls) {
            return Some("a call comes after a later one");
        }
        calls = of.map_or(calls, |call| call + 1);
    }
    None
}

fn read(piece: &str) -> Option<(u64, u64, u64)> {
    let mut parts = piece.strip_suffix(END)?.strip_suffix(BODY)?.split('.');
    let mut next = || parts.next()?.parse().ok();
    let read = (next()?, next()?, next()?);
    parts.next().is_none().then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(call: u64, pieces: impl IntoIterator<Item = u64>) -> String {
        pieces.into_iter().map(|index| piece(7, call, index)).collect()
    }

    #[test]
    fn rounds_of_whole_pieces_in_order_have_no_flaw() {
        let two = format!("{}\n\n{}", round(0, 0..2), round(3, 0..1));

        for text in [String::new(), round(2, 0..3), two, format!("{}\n\n\n\n", round(0, 0..1))] {
            assert_eq!(flaw(&text, 7), None, "{text:?}");
        }
    }

    #[test]
    fn whatever_was_lost_doubled_or_mixed_up_is_a_flaw() {
        let whole = round(0, 0..2);
        let bad = [
            whole[..whole.len() - 1].to_owned(),
            round(0, [1]),
            round(0, [0, 0]),
            round(0, [0, 2]),
            round(0, [0]) + &round(1, [1]),
            format!("{whole}\n\n{whole}"),
            format!("{}\n\n{}", round(4, 0..1), round(3, 0..1)),
            piece(8, 0, 0),
            "something else".to_owned(),
        ];

        for text in bad {
            assert!(flaw(&text, 7).is_some(), "{text:?}");
        }
    }
}
