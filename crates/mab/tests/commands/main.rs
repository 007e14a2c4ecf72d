//! Commands of agents, as a whole: real servers, a real person's signatures, and everything that tries without one.
//!
//! A scenario: a [`scene::Scene`] with two agents, a [`person::Person`] who enrols, enables and approves through the
//! operator's operations, and something that must not work. Each test proves that nothing ran by a file of the workspace
//! that counts the runs.

#[cfg(test)]
mod agents;
#[cfg(test)]
mod alone;
#[cfg(test)]
mod changed;
#[expect(dead_code, reason = "the tests of the server use the rest")]
#[cfg(test)]
#[path = "../mcp_stdio/client.rs"]
mod client;
#[cfg(test)]
mod ended;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod inside;
#[cfg(test)]
mod master;
#[cfg(test)]
mod once;
#[cfg(test)]
mod original;
#[cfg(test)]
mod person;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod seen;
#[cfg(test)]
mod shown;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod thief;
