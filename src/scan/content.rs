//! What a scanner is given, in pieces, up to its size.

use bytes::Bytes;
use tokio::sync::mpsc;

/// A message or a file on its way to one scanner. Never whole in memory unless it came so.
pub struct Content {
    source: Source,
    left: u64,
    cut: bool,
}

enum Source {
    Whole(Bytes),
    Pieces(mpsc::Receiver<Bytes>),
}

impl Content {
    /// One that is in memory, of which at most so many bytes are given.
    pub fn whole(mut bytes: Bytes, size_max: u64) -> Self {
        let most = usize::try_from(size_max).unwrap_or(usize::MAX);
        let cut = bytes.len() > most;
        bytes.truncate(most);
        Self { source: Source::Whole(bytes), left: size_max, cut }
    }

    /// One that comes in pieces. Whoever sends them notices when no more are wanted: nobody receives them then.
    pub fn pieces(pieces: mpsc::Receiver<Bytes>, size_max: u64) -> Self {
        Self { source: Source::Pieces(pieces), left: size_max, cut: false }
    }

    /// Its bytes, where it is in memory.
    pub fn in_memory(&self) -> Option<&Bytes> {
        match &self.source {
            Source::Whole(bytes) => Some(bytes),
            Source::Pieces(_) => None,
        }
    }

    /// The next piece; none at the end, or where no more may be given.
    pub async fn next(&mut self) -> Option<Bytes> {
        let mut piece = match &mut self.source {
            Source::Whole(bytes) if bytes.is_empty() => return None,
            Source::Whole(bytes) => std::mem::take(bytes),
            Source::Pieces(_) if self.cut => return None,
            Source::Pieces(pieces) => pieces.recv().await?,
        };
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        if piece.len() > room {
            self.cut = true;
            piece.truncate(room);
        }
        self.left -= piece.len() as u64;
        (!piece.is_empty()).then_some(piece)
    }

    /// Whether there was more than was given.
    pub const fn is_cut(&self) -> bool {
        self.cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn given(mut content: Content) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        while let Some(piece) = content.next().await {
            all.extend_from_slice(&piece);
        }
        (all, content.is_cut())
    }

    fn pieces(texts: &[&'static str], size_max: u64) -> Content {
        let (give, take) = mpsc::channel(16);
        for text in texts {
            give.try_send(Bytes::from_static(text.as_bytes())).expect("there is room");
        }
        Content::pieces(take, size_max)
    }

    #[tokio::test]
    async fn no_more_is_given_than_its_size_and_it_says_so() {
        for (size_max, expected, cut) in [(5, "abcde", false), (6, "abcde", false), (4, "abcd", true), (3, "abc", true)]
        {
            let expected = (expected.as_bytes().to_vec(), cut);
            assert_eq!(given(Content::whole(Bytes::from_static(b"abcde"), size_max)).await, expected, "{size_max}");
            assert_eq!(given(pieces(&["abc", "de"], size_max)).await, expected, "{size_max}");
        }
        assert_eq!(given(pieces(&[], 5)).await, (Vec::new(), false));
    }
}
