//! How well the words of a text fit those that are looked for: Okapi BM25.

/// How well the words of a memory fit those of a query.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fit {
    /// Its BM25: 0 or more, more is better.
    pub bm25: f64,
    /// How many of the query's words it has.
    pub matched: usize,
}

const SATURATION: f64 = 1.2;
const LENGTH: f64 = 0.75;

/// How much a word tells that so many of all memories have.
pub fn rarity(having: f64, all: f64) -> f64 {
    ((all - having + 0.5).max(0.5) / (having + 0.5)).ln().max(1e-6)
}

/// How well each of the texts, which are lists of words, fits the wanted words, each of which is as
/// rare as is said. What is long for one of these texts counts less.
pub fn fits<W>(wanted: &[String], rarities: &[f64], texts: &[Vec<W>]) -> Vec<Fit>
where
    W: AsRef<str>,
{
    let lengths = texts.iter().map(Vec::len).sum::<usize>();
    let average = number(lengths) / number(texts.len().max(1));
    let fit = |text: &Vec<W>| {
        let length = 1.0 - LENGTH + LENGTH * number(text.len()) / average.max(1.0);
        let mut fit = Fit::default();
        for (term, rarity) in wanted.iter().zip(rarities) {
            let often = text.iter().filter(|word| word.as_ref() == term).count();
            fit.matched += usize::from(often > 0);
            let often = number(often);
            fit.bm25 += rarity * often * (SATURATION + 1.0) / (often + SATURATION * length);
        }
        fit
    };
    texts.iter().map(fit).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of words are far below 2^52")]
const fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits_of(texts: &[&str]) -> Vec<Fit> {
        let texts: Vec<Vec<&str>> = texts.iter().map(|text| text.split(' ').collect()).collect();
        let rarities = [rarity(1.0, 100.0), rarity(50.0, 100.0)];
        fits(&["heron".into(), "mill".into()], &rarities, &texts)
    }

    #[test]
    fn rare_words_tell_more_and_long_texts_less() {
        let [heron, mill, long, both, none] = fits_of(&[
            "a heron",
            "a mill",
            "a heron and some more that was said there",
            "heron mill",
            "a bridge",
        ])[..] else {
            unreachable!("as many fits as texts")
        };

        assert!(both.bm25 > heron.bm25 && heron.bm25 > long.bm25 && long.bm25 > mill.bm25);
        assert_eq!([both, heron, mill, none].map(|fit| fit.matched), [2, 1, 1, 0]);
        assert!(none.bm25.abs() < f64::EPSILON);
    }

    #[test]
    fn word_that_all_have_still_tells_something() {
        assert!(rarity(100.0, 100.0) > 0.0);
        assert!(rarity(300.0, 100.0) > 0.0, "an estimate may be too high");
    }
}
