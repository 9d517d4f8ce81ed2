//! The head of an HTTP/1.1 message, as far as the benchmark needs it.

use std::io::{self, Read};

/// Where a message's body begins, and how long it is.
pub struct Head {
    /// The first line.
    pub line: String,
    /// Bytes of the head.
    pub size: usize,
    /// Bytes of the body.
    pub body: usize,
}

/// Reads into `buffer` until the whole head is there. Gives how many bytes are, which may be some of the body, too;
/// `None` if the peer has closed the connection between two messages.
pub fn read(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<Option<(Head, usize)>> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..])?;
        if count == 0 {
            let is_between = filled == 0;
            return if is_between { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        filled += count;
        if let Some(end) = buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            return Ok(Some((parse(&buffer[..end])?, filled)));
        }
    }
}

fn parse(head: &[u8]) -> io::Result<Head> {
    let text = std::str::from_utf8(head).map_err(io::Error::other)?;
    let (line, fields) = text.split_once("\r\n").unwrap_or((text, ""));
    let mut fields = fields.split("\r\n").filter_map(|field| field.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let body = length.map_or(Ok(0), |(_, value)| value.trim().parse()).map_err(io::Error::other)?;
    Ok(Head { line: line.to_owned(), size: head.len() + 4, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_and_the_beginning_of_its_body() {
        let message = b"HTTP/1.1 200 OK\r\nServer: s\r\ncontent-length: 10\r\n\r\n01234";
        let (head, filled) = read(&mut &message[..], &mut [0; 256]).expect("a head").expect("a message");
        assert_eq!((head.line.as_str(), head.body, filled), ("HTTP/1.1 200 OK", 10, message.len()));
        assert_eq!(&message[head.size..], b"01234");
    }

    #[test]
    fn a_closed_connection_is_no_message() {
        assert!(read(&mut &b""[..], &mut [0; 16]).expect("an end").is_none());
        assert!(read(&mut &b"HTTP"[..], &mut [0; 16]).is_err());
    }
}
