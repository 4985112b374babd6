//! The key file: the secret behind session hashes, password fingerprints and device cookies.
//!
//! One key a line, base64 of 32 bytes, newest first; empty lines and lines that begin with `#` are comments. To change
//! the key, put a new line on top and leave the older ones below: what they made is still recognised. Whoever reads
//! this file can forge device cookies, so it is refused when others than its owner may.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;

use crate::clock::Dice;
use crate::domain::{KeyRing, Secret};

/// More keys than this in one file is a mistake: each is tried for every cookie that the newest one did not make.
pub const KEYS_MAX: usize = 16;

/// The longest key file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Why there is no key ring. Never contains a part of the file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read the key file {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It was absent and cannot be made.
    #[error("cannot make the key file {}", .path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error(
        "the key file {} has mode {mode:04o}, so others than its owner can use the keys; run: chmod 600 {}",
        .path.display(), .path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A line is neither a comment nor a key.
    #[error("line {line} of the key file {} is not a key; a key is 32 bytes in base64 (44 characters)", .path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// There is no key in it.
    #[error("the key file {} holds no key; remove it and a new one is made, or add one: openssl rand -base64 32", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// More than [`KEYS_MAX`] keys, or longer than any key file.
    #[error("the key file {} holds more than {KEYS_MAX} keys; remove the oldest, at the bottom", .path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the key file; makes it with one new key and mode 0600 if there is none.
pub fn read_or_make(path: &Path, dice: &Dice) -> Result<KeyRing, KeyFileError> {
    match read(path) {
        Err(KeyFileError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            make(path, dice).map_err(|source| KeyFileError::Make { path: path.to_owned(), source })?;
            read(path)
        }
        other => other,
    }
}

/// Reads the key file as it is.
pub fn read(path: &Path) -> Result<KeyRing, KeyFileError> {
    let unreadable = |source| KeyFileError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::OpenToOthers { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    let text = Secret::new(text);
    if read as u64 > FILE_BYTES_MAX {
        return Err(KeyFileError::TooMany { path: path.to_owned() });
    }
    parse(text.expose(), path)
}

fn parse(text: &str, path: &Path) -> Result<KeyRing, KeyFileError> {
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let not_a_key = || KeyFileError::NotAKey { path: path.to_owned(), line: number };
        let bytes = Secret::new(BASE64.decode(line.as_bytes()).map_err(|_| not_a_key())?);
        let key = <[u8; KeyRing::KEY_BYTES]>::try_from(bytes.expose().as_slice()).map_err(|_| not_a_key())?;
        if keys.len() == KEYS_MAX {
            return Err(KeyFileError::TooMany { path: path.to_owned() });
        }
        keys.push(Secret::new(key));
    }
    if keys.is_empty() {
        return Err(KeyFileError::Empty { path: path.to_owned() });
    }
    Ok(KeyRing::new(&keys))
}

/// Makes the file whole under another name first: a crash or a second gateway never leaves half a key behind.
fn make(path: &Path, dice: &Dice) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = folder.join(format!(".keys-{}", data_encoding::HEXLOWER.encode(&dice.bytes::<8>())));
    let key = Secret::new(dice.bytes::<{ KeyRing::KEY_BYTES }>());
    let encoded = Secret::new(BASE64.encode(key.expose()));
    let written = write_new(&beside, encoded.expose()).and_then(|()| match fs::hard_link(&beside, path) {
        // Another process was faster: its key is as good.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let _ = fs::remove_file(&beside);
    written?;
    File::open(folder)?.sync_all()
}

fn write_new(path: &Path, key: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(
        file,
        "# Mailward's keys, newest first. Keep them secret and keep them: without them every session ends."
    )?;
    writeln!(file, "{key}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::domain::Purpose;

    const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

    fn written(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("keys");
        fs::write(&path, text).expect("the folder is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the file is ours");
        (folder, path)
    }

    #[test]
    fn an_absent_key_file_is_made_for_its_owner_alone_and_stays_the_same() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("keys");
        let made = read_or_make(&path, &Dice::system()).expect("the folder is writable");
        let again = read_or_make(&path, &Dice::system()).expect("it was just made");
        assert_eq!(made.hash(Purpose::Session, &[b"x"]), again.hash(Purpose::Session, &[b"x"]));
        assert_eq!(fs::metadata(&path).expect("it was just made").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("it is a folder").count(), 1, "nothing else is left behind");
    }

    #[test]
    fn the_newest_key_comes_first_and_comments_are_read_past() {
        let (_folder, path) = written(&format!("# new\n\n{TWO}\n  {ONE}  \n"), 0o600);
        let ring = read(&path).expect("two keys");
        let newest = KeyRing::new(&[Secret::new([2; 32])]);
        assert_eq!(ring.hash(Purpose::Device, &[b"x"]), newest.hash(Purpose::Device, &[b"x"]));
        assert_eq!(format!("{ring:?}"), "KeyRing(2 keys)");
    }

    #[test]
    fn a_key_file_that_others_can_use_or_that_is_not_one_is_refused_without_showing_it() {
        let many = format!("{ONE}\n").repeat(KEYS_MAX + 1);
        for (text, mode, says) in [
            (ONE, 0o640, "chmod 600"),
            (ONE, 0o604, "chmod 600"),
            ("", 0o600, "holds no key"),
            ("# nothing\n", 0o600, "holds no key"),
            ("AQEB\n", 0o600, "line 1"),
            (&format!("{ONE}\nnot base64!\n"), 0o600, "line 2"),
            (&many, 0o600, "more than 16"),
        ] {
            let (_folder, path) = written(text, mode);
            let error = read(&path).expect_err(says);
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(says), "{shown}");
            assert!(!shown.contains("AQEB") && !shown.contains("not base64"), "{shown}");
        }
    }
}
