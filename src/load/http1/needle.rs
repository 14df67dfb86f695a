//! Search for a text in a stream. Takes the bytes in pieces, gives how much of the text matched
//! so far, and promises to find it wherever the pieces were cut (Knuth, Morris and Pratt).

/// A text to find.
#[derive(Debug)]
pub(in crate::load) struct Needle {
    text: Vec<u8>,
    /// For each position, the length of the longest proper prefix that ends there too.
    borders: Vec<usize>,
}

impl Needle {
    pub(in crate::load) fn new(text: &str) -> Self {
        let mut needle = Self {
            text: text.into(),
            borders: vec![0; text.len()],
        };
        for end in 1..needle.text.len() {
            let shorter = needle.borders[end - 1];
            needle.borders[end] = needle.step(shorter, needle.text[end]);
        }
        needle
    }

    /// Whether a match of this length is the whole text.
    pub(super) fn is_found(&self, matched: usize) -> bool {
        matched == self.text.len()
    }

    /// The length matched after more bytes; a text once found stays found.
    pub(super) fn search(&self, matched: usize, bytes: &[u8]) -> usize {
        let mut matched = matched;
        for byte in bytes {
            if self.is_found(matched) {
                break;
            }
            matched = self.step(matched, *byte);
        }
        matched
    }

    fn step(&self, mut matched: usize, byte: u8) -> usize {
        while matched > 0 && self.text[matched] != byte {
            matched = self.borders[matched - 1];
        }
        if self.text[matched] == byte {
            matched + 1
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn search_agrees_with_the_standard_library(
            text in "[ab]{0,6}",
            hay in "[ab]{0,40}",
            cut in 0_usize..41,
        ) {
            let needle = Needle::new(&text);
            let (left, right) = hay.as_bytes().split_at(cut.min(hay.len()));
            let matched = needle.search(needle.search(0, left), right);
            prop_assert_eq!(needle.is_found(matched), hay.contains(&text));
        }
    }
}
