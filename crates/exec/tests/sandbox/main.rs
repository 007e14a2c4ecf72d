//! The sandboxes themselves: what hostile programs reach in them, what ordinary ones still can do, and what is left.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod traps;
