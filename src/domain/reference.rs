//! The code that links a page a person sees to the event an operator reads.

use std::fmt;

/// Eight characters without look-alikes, shown on every page of Mailward's and written in the event behind it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference([u8; 8]);

/// Crockford's base 32: no I, L, O, U, so it survives being read over a telephone.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Reference {
    /// From 40 random bits (the lowest of `random`); drawn by the caller.
    pub fn from_random(random: u64) -> Self {
        let mut code = [0; 8];
        for (place, letter) in code.iter_mut().enumerate() {
            *letter = ALPHABET[((random >> (place * 5)) & 31) as usize];
        }
        Self(code)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::str::from_utf8(&self.0).expect("the alphabet is ASCII");
        write!(f, "{}-{}", &text[..4], &text[4..])
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
