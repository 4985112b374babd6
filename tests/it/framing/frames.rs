//! HTTP/2 by hand: headers that no library would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::scripted::wire::{Hello, Wire};

/// What every connection begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// A frame of the first stream, or of none.
pub fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("frames are short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

/// Headers, each a literal that is not remembered and not compressed, so that any byte can stand in it.
pub fn request(headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let block = block(headers);
    let last = if body.is_empty() { END_STREAM } else { 0 };
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, END_HEADERS | last, 1, &block));
    if !body.is_empty() {
        bytes.extend(frame(DATA, END_STREAM, 1, body.as_bytes()));
    }
    bytes
}

/// A block of such headers.
pub fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| -> Vec<u8> {
        // RFC 7541 section 5.1 with a prefix of seven bits.
        let mut bytes = Vec::new();
        let mut left = text.len();
        if left < 127 {
            bytes.push(u8::try_from(left).expect("below 127"));
        } else {
            bytes.push(127);
            left -= 127;
            while left >= 128 {
                bytes.push(u8::try_from(left % 128 + 128).expect("a byte"));
                left /= 128;
            }
            bytes.push(u8::try_from(left).expect("below 128"));
        }
        bytes.extend_from_slice(text.as_bytes());
        bytes
    };
    headers.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// Sends these bytes on a connection of HTTP/2 and reads until its first stream is over; the bodies that came.
pub async fn exchange(server: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let hello = Hello { protocols: vec!["h2"], ..Hello::default() };
    let mut stream = Wire::open(server, &hello).await.expect("a connection").into_stream();
    stream.write_all(bytes).await.ok();
    stream.flush().await.ok();
    let mut came = Vec::new();
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return came;
        }
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut content = vec![0; length];
        if stream.read_exact(&mut content).await.is_err() {
            return came;
        }
        let (kind, flags, is_first) = (head[3], head[4], head[8] == 1);
        if kind == DATA {
            came.extend_from_slice(&content);
        }
        let over = is_first && matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
        if over || kind == GOAWAY || (kind == RST_STREAM && is_first) {
            return came;
        }
    }
}
