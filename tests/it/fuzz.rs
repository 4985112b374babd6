//! The fuzz targets, replayed: every example in `tests/fuzz/corpus`, and what is made of it by small changes.
//!
//! The changes are made from numbers alone, so each run tries the same ones, and takes a few seconds. What the long run
//! (`tests/run --long fuzz`) finds is put into the corpus, and stays found.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

use targets::TARGETS;

/// Changed inputs of each target.
const CHANGED: u64 = 20_000;

/// Longer inputs are not tried: what is slow about them is the test's own.
const BYTES_MAX: usize = 4_096;

#[test]
fn the_corpus_and_what_is_near_it_breaks_no_promise() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (name, target) in TARGETS {
        let folder = corpus.join(name);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|file| file.expect("a readable folder").path())
            .collect();
        files.sort();
        let examples: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).expect("readable")).collect();
        assert!(!examples.is_empty(), "{name} has examples");
        for example in &examples {
            target(example);
        }
        for number in 0..CHANGED {
            let changed = Changes(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1).of(&examples);
            // On a panic, the harness shows this output.
            if std::panic::catch_unwind(|| target(&changed)).is_err() {
                panic!("{name}, change {number}: {}", changed.escape_ascii());
            }
        }
    }
    let known: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for folder in fs::read_dir(&corpus).expect("the corpus") {
        let name = folder.expect("a readable folder").file_name().into_string().expect("a name");
        assert!(known.contains(&name), "{name} is no target");
    }
}

/// The long run builds with a lock file of its own, which nobody looks at until then.
#[test]
fn the_fuzzers_lock_file_knows_what_the_crate_depends_on() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| -> toml::Table {
        fs::read_to_string(root.join(path)).expect("readable").parse().expect("it is TOML")
    };
    let (manifest, lock) = (read("Cargo.toml"), read("tests/fuzz/Cargo.lock"));
    let wanted = manifest["dependencies"].as_table().expect("a table");
    let packages = lock["package"].as_array().expect("a list");
    let known = packages.iter().find(|package| package["name"].as_str() == Some("mailward")).expect("it is locked");
    let known: Vec<&str> =
        known["dependencies"].as_array().expect("a list").iter().filter_map(|of| of.as_str()).collect();
    for (name, how) in wanted {
        // With a version behind its name where there are several.
        let is_known = known.iter().any(|known| known.split(' ').next() == Some(name));
        let is_left_out = how.get("optional").is_some_and(|optional| optional.as_bool() == Some(true));
        assert!(is_known || is_left_out, "{name}: run cargo metadata --manifest-path tests/fuzz/Cargo.toml");
    }
}

/// Numbers that look like chance (xorshift64*).
struct Changes(u64);

impl Changes {
    fn number(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).expect("31 bits") % below.max(1)
    }

    /// An example, changed in a few places as fuzzers do.
    fn of(mut self, examples: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = examples[self.number(examples.len())].clone();
        for _ in 0..=self.number(6) {
            let at = self.number(bytes.len() + 1);
            match self.number(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.number(8),
                1 => bytes.insert(at, ODD[self.number(ODD.len())]),
                2 => drop(bytes.drain(at..(at + self.number(8)).min(bytes.len()))),
                3 => {
                    let other = &examples[self.number(examples.len())];
                    let (from, length) = (self.number(other.len()), self.number(32));
                    let piece = other[from..(from + length).min(other.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
                4 => bytes.truncate(at),
                _ => {
                    let length = self.number(64);
                    let piece = bytes[at..(at + length).min(bytes.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
            bytes.truncate(BYTES_MAX);
        }
        bytes
    }
}

/// Bytes that mean something to one reader or another.
const ODD: &[u8] = b"\0\t\r\n \"%&'()+,-./0:;<=>@[\\]_{}\x7f\x80\xc3\xff";
