//! The PROXY protocol, version 1 and 2: where a load balancer says on whose behalf it connects.
//!
//! Believed only from listed networks, and required from them: a listed balancer that sends none is misconfigured, and
//! taking its own address for everybody's would put all people under one limit.

use std::io;
use std::net::IpAddr;

use ppp::{HeaderResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A version 2 header's fixed part and the addresses and extensions that balancers really send.
const HEADER_BYTES_MAX: usize = 2_048;

/// Reads exactly the header and nothing behind it. `Ok(None)`: the balancer speaks for itself (a health check).
///
/// # Errors
/// What comes is no PROXY header, larger than any real one, or ends within.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut header = Vec::with_capacity(128);
    loop {
        let wanted = missing(&header);
        if wanted == 0 {
            break;
        }
        if header.len() + wanted > HEADER_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the PROXY header is too long"));
        }
        let start = header.len();
        header.resize(start + wanted, 0);
        stream.read_exact(&mut header[start..]).await?;
    }
    match HeaderResult::parse(&header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(tcp) => Some(IpAddr::V4(tcp.source_address)),
            v1::Addresses::Tcp6(tcp) => Some(IpAddr::V6(tcp.source_address).to_canonical()),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) if header.command == v2::Command::Local => Ok(None),
        HeaderResult::V2(Ok(header)) => Ok(match header.addresses {
            v2::Addresses::IPv4(tcp) => Some(IpAddr::V4(tcp.source_address)),
            v2::Addresses::IPv6(tcp) => Some(IpAddr::V6(tcp.source_address).to_canonical()),
            v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "not a PROXY header"))
        }
    }
}

/// How many bytes may be read without reading past the header's end; 0: it is there whole, or can be none.
fn missing(header: &[u8]) -> usize {
    const V2_FIXED: usize = 16;
    const V1_SHORTEST: usize = "PROXY UNKNOWN\r\n".len();
    const V1_START: &[u8] = b"PROXY";
    match header {
        [] => V1_SHORTEST,
        [b'\r', ..] if header.len() < V2_FIXED => V2_FIXED - header.len(),
        [b'\r', ..] => {
            let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
            (V2_FIXED + rest).saturating_sub(header.len())
        }
        _ if !header.starts_with(V1_START) || header.ends_with(b"\r\n") => 0,
        // Version 1 does not say how long it is.
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn reads(bytes: &[u8]) -> (io::Result<Option<IpAddr>>, Vec<u8>) {
        let mut stream = bytes;
        let read = read(&mut stream).await;
        (read, stream.to_vec())
    }

    #[tokio::test]
    async fn both_versions_name_the_client_and_leave_what_follows() {
        let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
        v2.extend([203, 0, 113, 9, 192, 0, 2, 1, 0x9c, 0x40, 0x01, 0xbb]);
        v2.extend(b"GET");
        for header in [b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\nGET".to_vec(), v2] {
            let (client, rest) = reads(&header).await;
            assert_eq!(client.expect("a header"), Some(IpAddr::from([203, 0, 113, 9])));
            assert_eq!(rest, b"GET");
        }
    }

    #[tokio::test]
    async fn a_balancer_may_speak_for_itself() {
        assert_eq!(reads(b"PROXY UNKNOWN\r\n").await.0.expect("a header"), None);
        assert_eq!(reads(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await.0.expect("a header"), None);
    }

    #[tokio::test]
    async fn anything_else_is_an_error() {
        let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 4_096]].concat();
        for bytes in [
            b"GET / HTTP/1.1\r\n\r\n".as_slice(),
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03aaaaaaaaa",
            b"PROXY",
            &endless,
        ] {
            assert!(reads(bytes).await.0.is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
