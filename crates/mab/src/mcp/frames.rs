//! Lines of bounded length from a stream.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::scan::{Scan, Scanner};

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A whole line; [`Frames::line`] holds it.
    Line,
    /// A line beyond the limit; it was skipped in constant memory.
    TooLong(Scan),
    /// Nothing more will come.
    End,
}

/// Splits a stream into lines.
pub(super) struct Frames<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    whole: bool,
    skipping: Option<Scanner>,
    most_bytes: usize,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(reader: R, most_bytes: usize) -> Self {
        let reader = BufReader::with_capacity(READ_BYTES, reader);
        Self { reader, line: Vec::new(), whole: false, skipping: None, most_bytes }
    }

    /// The line that was read last, without its end.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Reads up to the end of the next line. When the future is dropped, nothing is lost: the next call goes on.
    pub(super) async fn next(&mut self) -> io::Result<Frame> {
        if self.whole {
            self.whole = false;
            self.line.clear();
            self.line.shrink_to(KEPT_BYTES);
        }
        loop {
            // No await between here and `consume`: what was looked at is either wholly taken or not at all.
            let piece = self.reader.fill_buf().await?;
            if piece.is_empty() {
                return Ok(Frame::End);
            }
            let end = memchr::memchr(b'\n', piece);
            let (content, rest) = piece.split_at(end.unwrap_or(piece.len()));
            let taken = content.len() + usize::from(!rest.is_empty());
            if self.skipping.is_none() && self.line.len() + content.len() > self.most_bytes {
                let mut scanner = Scanner::default();
                scanner.feed(&self.line);
                self.line = Vec::new();
                self.skipping = Some(scanner);
            }
            match &mut self.skipping {
                Some(scanner) => scanner.feed(content),
                None => self.line.extend_from_slice(content),
            }
            self.reader.consume(taken);
            if end.is_some() {
                if let Some(scanner) = self.skipping.take() {
                    return Ok(Frame::TooLong(scanner.finish()));
                }
                self.whole = true;
                return Ok(Frame::Line);
            }
        }
    }
}

/// Half a pipe of Linux; most requests come whole in one read.
const READ_BYTES: usize = 32 * 1024;
/// What one long line may leave allocated.
const KEPT_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use rmcp::model::RequestId;
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn frames(input: &[u8], most_bytes: usize) -> Vec<Result<String, Scan>> {
        let mut frames = Frames::new(input, most_bytes);
        let mut seen = Vec::new();
        loop {
            match frames.next().await.unwrap() {
                Frame::Line => seen.push(Ok(String::from_utf8(frames.line().to_vec()).unwrap())),
                Frame::TooLong(scan) => seen.push(Err(scan)),
                Frame::End => return seen,
            }
        }
    }

    #[tokio::test]
    async fn lines_come_one_by_one_and_an_unfinished_one_never() {
        let seen = frames(b"one\n\ntwo\r\nthree", 10).await;
        assert_eq!(seen, ["one", "", "two\r"].map(|line| Ok(line.to_owned())));
    }

    #[tokio::test]
    async fn line_at_the_limit_is_kept_and_one_beyond_is_skipped_with_its_id() {
        let long = format!("{{\"text\":\"{}\",\"id\":7}}", "x".repeat(100_000));
        let input = format!("0123456789\n{long}\nshort\n");
        let seen = frames(input.as_bytes(), 10).await;
        assert_eq!(seen.len(), 3);
        assert_eq!(seen.first(), Some(&Ok("0123456789".to_owned())));
        assert_eq!(
            seen.get(1).and_then(|frame| frame.as_ref().err()?.id.clone()),
            Some(RequestId::Number(7))
        );
        assert_eq!(seen.get(2), Some(&Ok("short".to_owned())));
    }

    #[tokio::test]
    async fn line_when_the_read_is_cancelled_midway_is_still_whole() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut frames = Frames::new(server, 100);
        client.write_all(b"half").await.unwrap();
        let cancelled = tokio::time::timeout(std::time::Duration::from_millis(1), frames.next()).await;
        assert!(cancelled.is_err());
        client.write_all(b" and half\n").await.unwrap();
        assert_eq!(frames.next().await.unwrap(), Frame::Line);
        assert_eq!(frames.line(), b"half and half");
    }
}
