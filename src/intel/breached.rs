//! Filters of leaked passwords: "in the list" is never missed, and one in 65 536 others is taken for one.
//!
//! A file of ours, all numbers little-endian:
//!
//! ```text
//! 0   "MWBREACH"                     16  keys, u64
//! 8   version, u16: 1                24  made, u64, milliseconds since 1970; 0: not told
//! 10  shard bits, u8                 32  1 << shard bits entries of 32 bytes:
//! 11  0                                  offset u64, seed u64, segment length u32, segment count length u32,
//! 12  least count taken, u32             fingerprints u32, keys u32
//! ```
//!
//! and then the fingerprints, 16 bits each. A key is the first 64 bits of a password's SHA-1, big-endian; its highest
//! bits choose the shard, each of which is a binary fuse filter (Graf and Lemire) by itself. So a list of any length is
//! built in constant memory, and asked with three small reads: the file is neither mapped nor read into memory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use xorf::BinaryFuse16;

use super::{IntelError, files};
use crate::domain::{Secret, Timestamp};

const MAGIC: &[u8; 8] = b"MWBREACH";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 32;
const ENTRY_BYTES: usize = 32;

/// The largest filter that is opened, in bytes; all passwords known to have leaked by 2026 make some 2.5 GB.
const FILE_BYTES_MAX: u64 = 64 << 30;

/// A file may have up to 4096 shards; more would only be a larger table.
const SHARD_BITS_MAX: u8 = 12;

/// Shards that keys are sorted into while a filter is made: of a list of 2^30 keys, each has 4 million.
const BUILD_SHARD_BITS: u8 = 8;

/// Up to this many keys are one shard.
const ONE_SHARD_KEYS_MAX: u64 = 1 << 20;

/// Keys that a shard takes at most; making one from so many takes some 3 GiB of memory.
const SHARD_KEYS_MAX: u64 = 1 << 27;

/// The key of a password in every filter.
pub(super) fn key(password: &Secret<String>) -> u64 {
    key_of_hash(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.expose().as_bytes()).as_ref())
}

fn key_of_hash(sha1: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&sha1[..8]);
    u64::from_be_bytes(first)
}

/// Where a filter's bytes are.
enum Bytes {
    Compiled(&'static [u8]),
    File(File),
}

impl Bytes {
    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Compiled(bytes) => {
                let found = usize::try_from(at).ok().and_then(|at| bytes.get(at..)?.get(..into.len()));
                into.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Self::File(file) => file.read_exact_at(into, at),
        }
    }

    fn number<const N: usize>(&self, at: u64) -> io::Result<u64> {
        let mut wide = [0; 8];
        self.read(at, &mut wide[..N])?;
        Ok(u64::from_le_bytes(wide))
    }
}

/// A filter that can be asked.
pub(super) struct Filter {
    bytes: Bytes,
    shard_bits: u8,
    shards: Box<[Shard]>,
    keys: u64,
    made: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shard {
    offset: u64,
    seed: u64,
    segment_length: u32,
    segment_count_length: u32,
    fingerprints: u32,
    keys: u32,
}

impl Filter {
    /// A filter that was compiled in. The error ends a sentence.
    pub(super) fn compiled(bytes: &'static [u8]) -> Result<Self, String> {
        Self::over(Bytes::Compiled(bytes), bytes.len() as u64)
    }

    /// Opens a file that [`Builder`] made. It stays open, so replacing it by renaming harms nobody.
    pub(super) fn open(path: &Path) -> Result<(Self, files::Stamp), IntelError> {
        let (file, stamp) = files::open(path, FILE_BYTES_MAX)?;
        let length = file.metadata().map_err(|source| IntelError::Read { path: path.to_owned(), source })?.len();
        let filter = Self::over(Bytes::File(file), length).map_err(|what| IntelError::unusable(path, what))?;
        Ok((filter, stamp))
    }

    fn over(bytes: Bytes, length: u64) -> Result<Self, String> {
        const EXPECTED: &str = "is not a filter made by `mailward breach build`";
        let broken = |_| EXPECTED.to_owned();
        let mut magic = [0; 8];
        bytes.read(0, &mut magic).map_err(broken)?;
        if magic != *MAGIC {
            return Err(EXPECTED.to_owned());
        }
        let version = bytes.number::<2>(8).map_err(broken)?;
        if version != u64::from(VERSION) {
            return Err(format!("has version {version}, this program reads {VERSION}; make it anew"));
        }
        let mut shard_bits = [0];
        bytes.read(10, &mut shard_bits).map_err(broken)?;
        let [shard_bits] = shard_bits;
        if shard_bits > SHARD_BITS_MAX {
            return Err(EXPECTED.to_owned());
        }
        let mut table = vec![0; ENTRY_BYTES << shard_bits];
        bytes.read(HEADER_BYTES as u64, &mut table).map_err(broken)?;
        let shards: Box<[Shard]> = table.chunks_exact(ENTRY_BYTES).map(Shard::read).collect();
        if !shards.iter().all(|shard| shard.fits(length)) {
            return Err("is cut short or broken; make it anew".to_owned());
        }
        let keys = bytes.number::<8>(16).map_err(broken)?;
        let made = Timestamp::from_millis(bytes.number::<8>(24).map_err(broken)?);
        Ok(Self { bytes, shard_bits, shards, keys, made })
    }

    /// Whether a key is in the list, or taken for one of it. A file that cannot be read any more holds nothing.
    pub(super) fn contains(&self, key: u64) -> bool {
        let at = key.checked_shr(64 - u32::from(self.shard_bits)).unwrap_or(0);
        let shard = usize::try_from(at).ok().and_then(|at| self.shards.get(at));
        shard.is_some_and(|shard| shard.holds(key, &self.bytes).unwrap_or(false))
    }

    /// How many passwords the list has.
    pub(super) const fn keys(&self) -> u64 {
        self.keys
    }

    /// When it was made; the epoch when it does not say.
    pub(super) const fn made(&self) -> Timestamp {
        self.made
    }
}

impl Shard {
    const EMPTY: Self =
        Self { offset: 0, seed: 0, segment_length: 0, segment_count_length: 0, fingerprints: 0, keys: 0 };

    fn read(entry: &[u8]) -> Self {
        let number = |from: usize, length: usize| {
            let mut wide = [0; 8];
            wide[..length].copy_from_slice(&entry[from..from + length]);
            u64::from_le_bytes(wide)
        };
        let narrow = |from: usize| number(from, 4) as u32;
        Self {
            offset: number(0, 8),
            seed: number(8, 8),
            segment_length: narrow(16),
            segment_count_length: narrow(20),
            fingerprints: narrow(24),
            keys: narrow(28),
        }
    }

    fn written(&self) -> [u8; ENTRY_BYTES] {
        let mut entry = [0; ENTRY_BYTES];
        entry[..8].copy_from_slice(&self.offset.to_le_bytes());
        entry[8..16].copy_from_slice(&self.seed.to_le_bytes());
        entry[16..20].copy_from_slice(&self.segment_length.to_le_bytes());
        entry[20..24].copy_from_slice(&self.segment_count_length.to_le_bytes());
        entry[24..28].copy_from_slice(&self.fingerprints.to_le_bytes());
        entry[28..].copy_from_slice(&self.keys.to_le_bytes());
        entry
    }

    /// Whether every place that [`Shard::holds`] may look at is within the file.
    fn fits(&self, length: u64) -> bool {
        if *self == Self::EMPTY {
            return true;
        }
        let end = self.offset.checked_add(2 * u64::from(self.fingerprints));
        self.segment_length.is_power_of_two()
            && u64::from(self.segment_count_length) + 2 * u64::from(self.segment_length) == u64::from(self.fingerprints)
            && self.segment_count_length > 0
            && self.segment_count_length.is_multiple_of(self.segment_length)
            && end.is_some_and(|end| end <= length)
    }

    /// A key is in when the three fingerprints at its places make up its own.
    fn holds(&self, key: u64, bytes: &Bytes) -> io::Result<bool> {
        if self.fingerprints == 0 {
            return Ok(false);
        }
        let hash = mixed(key.wrapping_add(self.seed));
        let mut left = (hash ^ (hash >> 32)) as u16;
        for place in self.places(hash) {
            left ^= bytes.number::<2>(self.offset + 2 * u64::from(place))? as u16;
        }
        Ok(left == 0)
    }

    /// As `xorf` places them; a test holds both together.
    fn places(&self, hash: u64) -> [u32; 3] {
        let first = ((u128::from(hash) * u128::from(self.segment_count_length)) >> 64) as u32;
        let mask = self.segment_length - 1;
        let second = (first + self.segment_length) ^ ((hash >> 18) as u32 & mask);
        let third = (first + 2 * self.segment_length) ^ (hash as u32 & mask);
        [first, second, third]
    }
}

/// The finishing step of MurmurHash3, 64 bits.
const fn mixed(key: u64) -> u64 {
    let key = (key ^ (key >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let key = (key ^ (key >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    key ^ (key >> 33)
}

/// Why no filter was made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The filter, or the files that keys are sorted into beside it, cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The filter's.
        path: PathBuf,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// There was no line to take.
    #[error("there is no password to put in; nothing was made")]
    Empty,
    /// More keys than a shard takes.
    #[error("there are too many passwords; take those with a higher count (--min-count)")]
    TooMany,
    /// A line that is none of the two forms.
    #[error("line {line} {what}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it; never the line itself.
        what: &'static str,
    },
}

/// What a filter was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// Lines read.
    pub lines: u64,
    /// Different passwords put in.
    pub keys: u64,
    /// Left out for their count.
    pub rare: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Makes a filter from lines `SHA-1` or `SHA-1:COUNT`, in any order, in constant memory: keys wait in unlinked files
/// beside the filter (8 bytes each), and the filter takes its place when it is complete.
pub struct Builder {
    out: PathBuf,
    waiting: Vec<BufWriter<File>>,
    min_count: u32,
    lines: u64,
    rare: u64,
}

impl Builder {
    /// A filter at `out` of the lines with at least `min_count`; 0 takes lines without a count too.
    ///
    /// # Errors
    /// [`BuildError::Write`].
    pub fn new(out: &Path, min_count: u32) -> Result<Self, BuildError> {
        let waiting = (0..1 << BUILD_SHARD_BITS)
            .map(|shard| {
                let path = beside(out, &format!("keys-{shard}"));
                let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
                fs::remove_file(&path)?;
                Ok(BufWriter::with_capacity(16 * 1024, file))
            })
            .collect::<io::Result<Vec<_>>>()
            .map_err(|source| BuildError::Write { path: out.to_owned(), source })?;
        Ok(Self { out: out.to_owned(), waiting, min_count, lines: 0, rare: 0 })
    }

    /// Takes one line, without its end. Empty lines are nothing.
    ///
    /// # Errors
    /// [`BuildError::Line`], [`BuildError::Write`].
    pub fn add_line(&mut self, line: &[u8]) -> Result<(), BuildError> {
        self.lines += 1;
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        let (hash, count) = read_line(line).map_err(|what| BuildError::Line { line: self.lines, what })?;
        match count {
            Some(count) if count < u64::from(self.min_count) => {
                self.rare += 1;
                return Ok(());
            }
            None if self.min_count > 0 => {
                let what = "has no count, so --min-count cannot be judged; expected SHA-1:COUNT";
                return Err(BuildError::Line { line: self.lines, what });
            }
            _ => {}
        }
        self.add(key_of_hash(&hash)).map_err(|source| self.unwritten(source))
    }

    /// Takes a password itself.
    ///
    /// # Errors
    /// [`BuildError::Write`].
    pub fn add_password(&mut self, password: &Secret<String>) -> Result<(), BuildError> {
        self.lines += 1;
        self.add(key(password)).map_err(|source| self.unwritten(source))
    }

    /// How many lines were taken so far.
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    fn add(&mut self, key: u64) -> io::Result<()> {
        let shard = usize::try_from(key >> (64 - BUILD_SHARD_BITS)).unwrap_or(0);
        self.waiting[shard].write_all(&key.to_le_bytes())
    }

    fn unwritten(&self, source: io::Error) -> BuildError {
        BuildError::Write { path: self.out.clone(), source }
    }

    /// Makes the filter. `made` stands in it as the time of its making.
    ///
    /// # Errors
    /// [`BuildError::Empty`], [`BuildError::TooMany`], [`BuildError::Write`]; what was at the place before stays.
    pub fn finish(mut self, made: Timestamp) -> Result<Built, BuildError> {
        let new = beside(&self.out, "new");
        let written = self
            .write(&new, made)
            .and_then(|built| fs::rename(&new, &self.out).map(|()| built).map_err(|source| self.unwritten(source)));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }

    fn write(&mut self, new: &Path, made: Timestamp) -> Result<Built, BuildError> {
        let waiting = std::mem::take(&mut self.waiting);
        let unwritten = |source| BuildError::Write { path: self.out.clone(), source };
        let mut shards: Vec<File> = Vec::with_capacity(waiting.len());
        let mut lengths: Vec<u64> = Vec::with_capacity(waiting.len());
        for writer in waiting {
            let mut file = writer.into_inner().map_err(|error| unwritten(error.into_error()))?;
            lengths.push(file.stream_position().map_err(unwritten)? / 8);
            shards.push(file);
        }
        let all: u64 = lengths.iter().sum();
        if all == 0 {
            return Err(BuildError::Empty);
        }
        if lengths.iter().any(|keys| *keys > SHARD_KEYS_MAX) {
            return Err(BuildError::TooMany);
        }
        let shard_bits = if all <= ONE_SHARD_KEYS_MAX { 0 } else { BUILD_SHARD_BITS };
        let table_bytes = (ENTRY_BYTES as u64) << shard_bits;
        let file = File::create(new).map_err(unwritten)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let mut at = HEADER_BYTES as u64 + table_bytes;
        out.seek(SeekFrom::Start(at)).map_err(unwritten)?;
        let mut table = Vec::new();
        let mut taken = 0;
        for files in shards.chunks_mut(if shard_bits == 0 { 1 << BUILD_SHARD_BITS } else { 1 }) {
            let keys = waiting_keys(files).map_err(unwritten)?;
            taken += keys.len() as u64;
            let shard = write_shard(&keys, at, &mut out)?.map_err(unwritten)?;
            at += 2 * u64::from(shard.fingerprints);
            table.extend(shard.written());
        }
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend([shard_bits, 0]);
        header.extend(self.min_count.to_le_bytes());
        header.extend(taken.to_le_bytes());
        header.extend(made.as_millis().to_le_bytes());
        let finish = |mut out: BufWriter<File>| {
            out.seek(SeekFrom::Start(0))?;
            out.write_all(&header)?;
            out.write_all(&table)?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
        };
        finish(out).map_err(unwritten)?;
        Ok(Built { lines: self.lines, keys: taken, rare: self.rare, bytes: at })
    }
}

fn beside(out: &Path, what: &str) -> PathBuf {
    PathBuf::from(format!("{}.{}.{what}", out.display(), std::process::id()))
}

/// All keys of some files, in order and each once.
fn waiting_keys(files: &mut [File]) -> io::Result<Vec<u64>> {
    let mut bytes = Vec::new();
    for file in files {
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
    }
    let mut keys: Vec<u64> = bytes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    drop(bytes);
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

fn write_shard(keys: &[u64], offset: u64, out: &mut impl io::Write) -> Result<io::Result<Shard>, BuildError> {
    if keys.is_empty() {
        return Ok(Ok(Shard::EMPTY));
    }
    // It fails for equal keys only, and there are none.
    let filter = BinaryFuse16::try_from(keys).map_err(|_| BuildError::TooMany)?;
    let narrow = |number: usize| u32::try_from(number).map_err(|_| BuildError::TooMany);
    let shard = Shard {
        offset,
        seed: filter.descriptor.seed,
        segment_length: filter.descriptor.segment_length,
        segment_count_length: filter.descriptor.segment_count_length,
        fingerprints: narrow(filter.fingerprints.len())?,
        keys: narrow(keys.len())?,
    };
    let mut write = || filter.fingerprints.iter().try_for_each(|print| out.write_all(&print.to_le_bytes()));
    Ok(write().map(|()| shard))
}

/// A line's hash and count. The error ends a sentence and holds nothing of the line.
fn read_line(line: &[u8]) -> Result<([u8; 20], Option<u64>), &'static str> {
    let (hash, count) = match line.iter().position(|byte| *byte == b':') {
        Some(colon) => (&line[..colon], Some(&line[colon + 1..])),
        None => (line, None),
    };
    let is_hex = hash.iter().all(u8::is_ascii_hexdigit);
    match hash.len() {
        40 if is_hex => {}
        32 if is_hex => return Err("has 32 hexadecimal digits (NTLM or MD5?); expected the 40 of SHA-1"),
        _ => return Err("is not a SHA-1 in 40 hexadecimal digits; passwords must be hashed before"),
    }
    let mut sha1 = [0; 20];
    data_encoding::HEXLOWER_PERMISSIVE
        .decode_mut(hash, &mut sha1)
        .map_err(|_| "is not a SHA-1 in 40 hexadecimal digits")?;
    let count = count.map(|count| {
        let digits = std::str::from_utf8(count).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).ok_or("has no whole number behind the colon")
    });
    Ok((sha1, count.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xorf::Filter as _;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn hex(password: &str) -> String {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        data_encoding::HEXUPPER.encode(hash.as_ref())
    }

    fn knows(filter: &Filter, password: &str) -> bool {
        filter.contains(key(&Secret::new(password.to_owned())))
    }

    const MADE: Timestamp = Timestamp::from_millis(1_796_083_200_000);

    #[test]
    fn what_was_put_in_is_found_and_little_else() {
        let folder = folder();
        let out = folder.path().join("breached");
        let mut builder = Builder::new(&out, 0).expect("writable");
        for number in 0..20_000 {
            builder.add_line(format!("{}:{number}\r", hex(&format!("leaked-{number}"))).as_bytes()).expect("a line");
        }
        let built = builder.finish(MADE).expect("made");
        assert_eq!((built.lines, built.keys, built.rare), (20_000, 20_000, 0));
        assert_eq!(fs::metadata(&out).expect("there").len(), built.bytes);
        let (filter, _) = Filter::open(&out).expect("a filter");
        assert_eq!((filter.keys(), filter.made()), (20_000, MADE));
        assert!((0..20_000).all(|number| knows(&filter, &format!("leaked-{number}"))), "none is missed");
        let wrong = (0..20_000).filter(|number| knows(&filter, &format!("other-{number}"))).count();
        assert!(wrong <= 5, "{wrong} of 20 000, where less than one is expected");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_long_list_is_shards_and_each_answers_as_the_filter_it_came_from() {
        let folder = folder();
        let out = folder.path().join("breached");
        let mut builder = Builder::new(&out, 0).expect("writable");
        // Each key twice: lists repeat.
        let keys: Vec<u64> = (0..ONE_SHARD_KEYS_MAX / 2 + 9).map(|number| mixed(number + 1)).collect();
        for key in keys.iter().chain(&keys) {
            builder.add(*key).expect("writable");
        }
        let built = builder.finish(MADE).expect("made");
        assert_eq!(built.keys, keys.len() as u64, "each once");
        let (filter, _) = Filter::open(&out).expect("a filter");
        assert_eq!(filter.shards.len(), 256);
        assert!(keys.iter().all(|key| filter.contains(*key)));
        let of_last: Vec<u64> = {
            let mut keys: Vec<u64> = keys.iter().copied().filter(|key| key >> 56 == 255).collect();
            keys.sort_unstable();
            keys
        };
        let reference = BinaryFuse16::try_from(&of_last).expect("distinct keys");
        for number in 0..100_000_u64 {
            let key = mixed(number + (1 << 40)) | (255 << 56);
            assert_eq!(filter.contains(key), reference.contains(&key), "{key:x}");
        }
    }

    #[test]
    fn counts_and_wrong_lines_are_judged_and_no_line_is_repeated() {
        let folder = folder();
        let out = folder.path().join("breached");
        let mut builder = Builder::new(&out, 10).expect("writable");
        builder.add_line(format!("{}:9", hex("rare")).as_bytes()).expect("a line");
        builder.add_line(format!("{}:10", hex("often").to_lowercase()).as_bytes()).expect("a line");
        builder.add_line(b"").expect("nothing");
        for (line, says) in [
            ("hunter2", "line 4 is not a SHA-1"),
            (&hex("hunter2")[..32], "NTLM"),
            (&format!("{}:x", hex("hunter2")), "no whole number"),
            (&hex("hunter2"), "no count"),
        ] {
            let error = builder.add_line(line.as_bytes()).expect_err(says).to_string();
            assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
            builder.lines = 3;
        }
        let built = builder.finish(MADE).expect("made");
        assert_eq!((built.keys, built.rare), (1, 1));
        let (filter, _) = Filter::open(&out).expect("a filter");
        assert!(knows(&filter, "often") && !knows(&filter, "rare"));
        let empty = Builder::new(&out, 0).expect("writable").finish(MADE).expect_err("empty");
        assert!(matches!(empty, BuildError::Empty), "{empty}");
        assert!(knows(&Filter::open(&out).expect("the old one stays").0, "often"));
    }

    #[test]
    fn a_broken_filter_is_refused_and_never_panics() {
        let folder = folder();
        let out = folder.path().join("breached");
        let mut builder = Builder::new(&out, 0).expect("writable");
        for number in 0..500 {
            builder.add(mixed(number)).expect("writable");
        }
        builder.finish(MADE).expect("made");
        let good = fs::read(&out).expect("readable");
        for length in [0, 7, 31, 40, 63, good.len() - 1] {
            fs::write(&out, &good[..length]).expect("writable");
            assert!(Filter::open(&out).is_err(), "{length} bytes");
        }
        for at in 0..64 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                fs::write(&out, &bytes).expect("writable");
                if let Ok((filter, _)) = Filter::open(&out) {
                    for number in 0..200 {
                        filter.contains(mixed(number << 20));
                    }
                }
            }
        }
    }
}
