//! What the system says, in the words of a refusal.

use std::io::{Error, ErrorKind};

use mab_core::{Code, Denied};

/// A refusal while doing `what`: a full disk and a store that cannot be written are the operator's to mend.
pub(crate) fn failed(what: &str, error: &Error) -> Denied {
    let kind = error.kind();
    if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        full(what)
    } else if matches!(kind, ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) {
        Denied::new(Code::ReadOnly, format!("{what}: {error}"))
            .hint("look at the owner and the permissions of the data folder and of the workspace")
    } else {
        Denied::new(Code::Internal, format!("{what}: {error}"))
            .hint("look at the file system; then try again")
    }
}

/// The disk is full.
pub(crate) fn full(what: &str) -> Denied {
    Denied::new(Code::StorageFull, format!("{what}: no space is left")).hint("free space, then try again")
}

/// What is kept is not what was saved.
pub(super) fn damaged(what: &str) -> Denied {
    Denied::new(Code::Internal, format!("the snapshot is damaged: {what}"))
        .hint("choose another snapshot; `mab doctor` looks at the disk")
}

/// For `map_err`: [`failed`] while doing `what`.
pub(crate) fn doing(what: &'static str) -> impl Fn(Error) -> Denied + Copy {
    move |error| failed(what, &error)
}
