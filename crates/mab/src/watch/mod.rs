//! `mab watch`: one conversation as it goes on, in a terminal or line by line.
//!
//! Everything is read through the operations `watch`, `list` and `held`, twice a second and without writing anything, and
//! everything that is done through those that `mab pause`, `resume` and `release` call. What agents wrote is made
//! [`Visible`](crate::cli::Visible) before it is shown; it decides about nothing here.
//!
//! The live view has a part without a terminal (`model`: what is shown and what a key means; `view`: the model as a
//! frame), which tests drive, and the loop around it (`live`, `screen`). To add a key, add it in `keys.rs`, what it does in `model.rs`, and to the help
//! in `view/help.rs`.

mod event;
mod keys;
mod live;
mod look;
mod model;
mod plain;
mod screen;
mod stop;
mod view;
mod wrap;

pub(crate) use live::show;
pub(crate) use plain::{Follow, follow};
pub(crate) use stop::end_though_output_blocks;
pub(crate) use wrap::columns;
