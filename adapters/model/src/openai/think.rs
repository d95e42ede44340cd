//! What a model thinks before it answers, told apart from the answer: some write it into the text.

/// The tags that what is thought stands between.
const TAGS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];

/// A piece of what a model writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Of what it thinks.
    Thought(String),
    /// Of the answer.
    Text(String),
}

/// Where the model is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Nothing was said but white space.
    #[default]
    Beginning,
    /// Between tags, of which this is the second.
    Thinking(&'static str),
    /// Behind them: white space before the answer is left out.
    Behind,
    /// In the answer, where tags are text.
    Answering,
}

/// Parts a text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    place: Place,
    /// What may be the beginning of a tag.
    held: String,
}

impl Thinking {
    /// Takes a piece of text.
    pub(super) fn take(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let mut pieces = Vec::new();
        loop {
            let before = (self.place, self.held.len());
            match self.place {
                Place::Beginning => self.begin(),
                Place::Thinking(end) => pieces.extend(self.think(end)),
                Place::Behind => self.pass_white_space(),
                Place::Answering => pieces.extend(self.said()),
            }
            if before == (self.place, self.held.len()) {
                return pieces;
            }
        }
    }

    /// The end of the text: what was held back.
    pub(super) fn end(&mut self) -> Option<Piece> {
        match std::mem::replace(&mut self.place, Place::Answering) {
            Place::Thinking(_) => thought(std::mem::take(&mut self.held)),
            Place::Beginning | Place::Behind | Place::Answering => self.said(),
        }
    }

    fn begin(&mut self) {
        let said = self.held.trim_start();
        let tag = TAGS.iter().find(|(begin, _)| said.starts_with(begin));
        if let Some((begin, end)) = tag {
            self.held = said[begin.len()..].to_owned();
            self.place = Place::Thinking(end);
        } else if !TAGS.iter().any(|(begin, _)| begin.starts_with(said)) {
            self.place = Place::Answering;
        }
    }

    fn think(&mut self, end: &'static str) -> Option<Piece> {
        if let Some(at) = self.held.find(end) {
            let answer = self.held.split_off(at + end.len());
            self.held.truncate(at);
            self.place = Place::Behind;
            return thought(std::mem::replace(&mut self.held, answer));
        }
        let is_beginning = |at: &usize| end.starts_with(&self.held[*at..]);
        let mut places = self.held.char_indices().map(|(at, _)| at);
        let until = places.find(is_beginning).unwrap_or(self.held.len());
        let held = self.held.split_off(until);
        thought(std::mem::replace(&mut self.held, held))
    }

    fn pass_white_space(&mut self) {
        let answer = self.held.trim_start().len();
        self.held.drain(..self.held.len() - answer);
        if answer > 0 {
            self.place = Place::Answering;
        }
    }

    fn said(&mut self) -> Option<Piece> {
        let said = std::mem::take(&mut self.held);
        (!said.is_empty()).then_some(Piece::Text(said))
    }
}

fn thought(text: String) -> Option<Piece> {
    (!text.is_empty()).then_some(Piece::Thought(text))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// What is thought and what is said, of a text that comes in these pieces.
    fn parted(pieces: &[&str]) -> (String, String) {
        let (mut thinking, mut parted) = (Thinking::default(), (String::new(), String::new()));
        let mut all: Vec<Piece> = pieces.iter().flat_map(|piece| thinking.take(piece)).collect();
        all.extend(thinking.end());
        for piece in all {
            match piece {
                Piece::Thought(text) => parted.0.push_str(&text),
                Piece::Text(text) => parted.1.push_str(&text),
            }
        }
        parted
    }

    #[test]
    fn what_is_thought_is_told_apart() {
        for (text, thought, said) in [
            ("<think>hm</think>yes", "hm", "yes"),
            (" \n<think>\nhm\n</think>\n\nyes ", "\nhm\n", "yes "),
            ("<thinking>a < b</thinking>yes", "a < b", "yes"),
            ("<think></think>yes", "", "yes"),
            ("<think>never ends", "never ends", ""),
            ("yes <think>no</think>", "", "yes <think>no</think>"),
            ("<thin ice>", "", "<thin ice>"),
            ("<think", "", "<think"),
            ("  ", "", "  "),
            ("", "", ""),
        ] {
            assert_eq!(parted(&[text]), (thought.into(), said.into()), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_split_gives_the_same(
            text in "(<think>|<thinking>|<thin)?[a<é ]{0,4}(</think>|</thinking>|</thi)?[a<é ]{0,4}",
            cuts in vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            ends.retain(|end| text.is_char_boundary(*end));
            ends.extend([0, text.len()]);
            ends.sort_unstable();
            let pieces: Vec<&str> = ends.windows(2).map(|w| &text[w[0]..w[1]]).collect();

            prop_assert_eq!(parted(&pieces), parted(&[&text]));
        }
    }
}
