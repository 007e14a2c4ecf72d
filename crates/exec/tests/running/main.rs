//! Runs as they are: real sandboxes, real processes, and none of them left.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod swapped;
