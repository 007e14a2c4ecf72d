//! The sandboxes themselves: what hostile programs reach in them, what ordinary ones still can do, and what is left.

#[cfg(test)]
mod battery;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod given;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod overlay;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod survivors;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod traps;
#[cfg(test)]
mod walls;
