//! The command line as people and scripts meet it: the built program, in folders of its own.

#[cfg(target_os = "linux")]
mod another_user;
mod audit;
mod desk;
mod doors;
mod evidence;
mod hardened;
mod held;
mod home;
mod hook;
mod judge;
mod lease;
mod limits;
mod members;
mod pages;
mod person;
mod preview;
mod read;
mod redact;
mod refusals;
mod resume;
mod running;
mod terminal;
mod told;
mod typing;
mod unattended;
mod wake;
mod watch;
mod yolo;
