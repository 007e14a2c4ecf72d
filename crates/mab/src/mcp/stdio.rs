//! stdin and stdout without a thread per read: pipes, as Rust and Python clients make them, and socket pairs, as
//! Node and Bun do. Anything else is read by a thread.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{fs::FileTypeExt, net::UnixStream},
    },
};

use rmcp::transport::io::stdio_pipes;
use tokio::io::{AsyncRead, AsyncWrite};

/// The standard streams.
pub(super) struct Stdio {
    /// What the client sends.
    pub(super) reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What the client gets.
    pub(super) writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// Puts the sockets back as they were found when it is dropped.
    pub(super) found: Option<Found>,
}

/// The sockets as they were found.
pub(super) struct Found([UnixStream; 2]);

impl Stdio {
    /// Takes the process's own streams.
    pub(super) fn of_process() -> Self {
        Self::of_sockets().unwrap_or_else(|| {
            let (reader, writer) = stdio_pipes();
            Self { reader: Box::new(reader), writer: Box::new(writer), found: None }
        })
    }

    fn of_sockets() -> Option<Self> {
        let input = socket(io::stdin().as_fd())?;
        let output = socket(io::stdout().as_fd())?;
        let found = Found([input.try_clone().ok()?, output.try_clone().ok()?]);
        input.set_nonblocking(true).and_then(|()| output.set_nonblocking(true)).ok()?;
        let reader = Box::new(tokio::net::UnixStream::from_std(input).ok()?);
        let writer = Box::new(tokio::net::UnixStream::from_std(output).ok()?);
        Some(Self { reader, writer, found: Some(found) })
    }
}

impl Drop for Found {
    /// The mode belongs to the socket, and whoever else holds it expects what was there before.
    fn drop(&mut self) {
        for socket in &self.0 {
            // A socket that is gone needs nothing put back.
            let _ = socket.set_nonblocking(false);
        }
    }
}

/// The stream as a Unix socket, when it is one.
fn socket(stream: BorrowedFd<'_>) -> Option<UnixStream> {
    let file = File::from(stream.try_clone_to_owned().ok()?);
    let is_socket = file.metadata().ok()?.file_type().is_socket();
    let socket = is_socket.then(|| UnixStream::from(std::os::fd::OwnedFd::from(file)))?;
    // Fails for sockets of another family.
    socket.local_addr().ok()?;
    Some(socket)
}
