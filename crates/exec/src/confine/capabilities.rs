//! Capabilities (capabilities(7)): none is left, and none can come back.

use std::io;

use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities,
    },
};

/// Empties every capability set of the calling thread.
///
/// Only who holds `CAP_SETPCAP` can change the bounding set. For everybody else it decides nothing, because
/// `no_new_privs` was set before.
///
/// # Errors
/// What the kernel says, or when one is left all the same.
pub(super) fn drop_all() -> io::Result<()> {
    for number in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::PERM) => break, // past the last one; or nothing may be changed
            Err(error) => return Err(error.into()),
        }
    }
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    let left = capabilities(None)?;
    if (left.effective | left.permitted | left.inheritable).is_empty() {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(libc::EPERM))
}
